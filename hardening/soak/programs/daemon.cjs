// daemon.cjs PIDFILE: a daemon that exits with 0 on request.

const { daemonize } = require('../../../index.js')

const daemon = daemonize({ pidFile: process.argv[2], ready: 'manual' })
process.on('SIGTERM', () => process.exit(0))
setInterval(() => {}, 2 ** 30)
daemon.ready()
