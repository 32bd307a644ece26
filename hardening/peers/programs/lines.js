// A daemon that constantly logs numbered lines to both of its logs, and reopens them as in README. OPTIONS has more options of
// daemonize(), as JSON.

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
