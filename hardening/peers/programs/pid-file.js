// pid-file.js run|status|stop FILE: runs in the foreground with a pid file, or prints its status, or stops its process.

const { daemonize, daemonStatus, stopDaemon } = require('procnative')

const [command, pidFile] = process.argv.slice(2)
const print = (result) => console.log(JSON.stringify(result))

if (command === 'run') {
  daemonize({ foreground: true, pidFile })
  console.log('runs')
  setInterval(() => {}, 1000)
  process.on('SIGTERM', () => {
    console.log('SIGTERM')
    process.exit()
  })
} else if (command === 'status') {
  print(daemonStatus(pidFile))
} else {
  stopDaemon(pidFile, { timeout: 2000 }).then(print, ({ code }) => print({ code }))
}
