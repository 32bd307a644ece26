// predecessor.mjs PID_FILE: locks the pid file, hands it over to its successor, which is this program again, and ends.

import { fileURLToPath } from 'node:url'
import { daemonize, spawnDaemon } from '../../../index.js'
import { told } from '../told.mjs'

const [pidFile, generation = '1'] = process.argv.slice(2)

await told(async () => {
  const daemon = daemonize({ foreground: true, pidFile, ready: 'manual' })
  daemon.ready()
  if (generation === '2') {
    setInterval(() => {}, 1000)
    return
  }
  await spawnDaemon(process.execPath, [fileURLToPath(import.meta.url), pidFile, '2'], { pidFile, ready: 'notify' })
})
