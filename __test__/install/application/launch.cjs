// launch.cjs PID_FILE: starts the application's daemon, and ends when the daemon is ready.

const { daemonize } = require('procnative')

daemonize({ pidFile: process.argv[2] })
setInterval(() => {}, 2 ** 30)
