// A daemon that logs numbered lines without a pause, to both of its logs, and that reopens them as README says. OPTIONS has
// further options of daemonize(), as JSON.

const { daemonize } = require('procnative')

const logs = { stdout: '/var/log/app.log', stderr: '/var/log/app.err' }
const daemon = daemonize({ pidFile: '/run/app.pid', ...logs, ...JSON.parse(process.env.OPTIONS ?? '{}') })
process.on('SIGHUP', daemon.reopenLogs)

let count = 0
const writing = setInterval(() => {
  for (let lines = 0; lines < 20; lines++, count++) {
    console.log(`line ${count}`)
    console.error(`line ${count}`)
  }
}, 5)
process.on('SIGTERM', () => {
  clearInterval(writing)
  process.exit()
})
