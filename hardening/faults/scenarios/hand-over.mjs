// A service in the foreground that hands its pid file over to its successor, under a service manager.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { fixture } from '../../../__test__/helpers/run.mjs'
import { end, named } from '../launching.mjs'

const program = fileURLToPath(new URL('../programs/predecessor.mjs', import.meta.url))

export default async function handOver({ directory, after }) {
  const pidFile = path.join(directory, 'pid')
  const command = [fixture('service-manager.py'), process.execPath, program, pidFile]
  const manager = spawn('python3', command, {
    env: { ...process.env, TMPDIR: directory },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await once(manager, 'exit')
  after(() => fs.rmSync(pidFile, { force: true }))
  await end(named(pidFile))
}
