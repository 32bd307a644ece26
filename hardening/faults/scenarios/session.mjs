// Sessions and groups, without a terminal.

import { fileURLToPath } from 'node:url'
import { spawn } from '../../../index.js'
import { Consequence } from '../told.mjs'

const program = fileURLToPath(new URL('../programs/session.mjs', import.meta.url))

export default async function session({ after }) {
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'inherit', 'inherit'] })
  after(() => child.close())
  after(() => child.kill('SIGKILL'))
  const { exitCode } = await child.wait()
  if (exitCode !== 0) throw new Consequence('the process has failed')
}
