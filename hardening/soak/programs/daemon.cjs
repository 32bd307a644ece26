// daemon.cjs PIDFILE: a daemon that ends with 0 when it is told to.

const { daemonize } = require('../../../index.js')

const daemon = daemonize({ pidFile: process.argv[2], ready: 'manual' })
process.on('SIGTERM', () => process.exit(0))
setInterval(() => {}, 2 ** 30)
daemon.ready()
