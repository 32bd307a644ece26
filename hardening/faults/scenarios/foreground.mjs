// A service that stays in the foreground, as another user, with a pid file.

import childProcess from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '../../../__test__/helpers/until.mjs'
import { Consequence } from '../told.mjs'

const program = fileURLToPath(new URL('../programs/daemon.mjs', import.meta.url))

export default async function foreground({ directory, after }) {
  const pidFile = path.join(directory, 'pid')
  const options = { foreground: true, user: 'nobody', pidFile, keep: [1], cwd: directory }
  const child = childProcess.spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const exit = once(child, 'exit')
  after(() => {
    child.kill('SIGKILL')
    return exit
  })
  const content = () => (fs.existsSync(pidFile) ? fs.readFileSync(pidFile, 'utf8') : '')
  await eventually(() => content() === `${child.pid}\n` || child.exitCode !== null)
  child.kill('SIGTERM')
  const [code] = await exit
  if (code === 3) throw new Consequence('the service has failed')
}
