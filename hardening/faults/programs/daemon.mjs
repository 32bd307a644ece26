// daemon.mjs OPTIONS [ready | foreground]: becomes a daemon, and opens its logs anew on SIGHUP.

import fs from 'node:fs'
import { daemonize } from '../../../index.js'
import { told } from '../told.mjs'

const [options, way] = process.argv.slice(2)

process.on('SIGTERM', () => process.exit())
// The daemon marks its logs: it owns them from now on, also if a later call fails.
for (const fd of [1, 2]) fs.writeSync(fd, 'it runs\n')
await told(() => {
  const daemon = daemonize(JSON.parse(options))
  process.on('SIGHUP', () =>
    told(() => {
      const error = daemon.reopenLogs()
      if (error) throw error
      console.log('reopened')
    }),
  )
  if (way === 'ready') daemon.ready()
  setInterval(() => {}, 1000)
})
