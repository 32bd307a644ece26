// Children that take a terminal, as the leader of its session, and as its foreground group.

import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { pty } from '../../../__test__/helpers/pty.mjs'
import { spawn } from '../../../index.js'
import { Consequence } from '../told.mjs'

const program = fileURLToPath(new URL('../programs/session.mjs', import.meta.url))

export default async function terminal({ after }) {
  const { fd } = await pty({ after })
  const started = (file, args, options) => {
    const child = spawn(file, args, { stdio: [fd, 'inherit', 'inherit'], ...options })
    after(() => child.close())
    after(() => child.kill('SIGKILL'))
    return child.wait()
  }
  const leader = await started('sh', ['-c', '"$1" "$2"; exit $?', 'sh', process.execPath, program], {
    controllingTerminal: fd,
    foreground: fd,
  })
  if (leader.exitCode !== 0) throw new Consequence('the process has failed')
  try {
    await started('no-such-program', [], { controllingTerminal: fd, foreground: fd })
  } catch (error) {
    if (error.code !== 'ENOENT' || error.syscall !== 'execve') throw error
  }
  assert.equal((await started('true', [], { controllingTerminal: fd })).exitCode, 0)
}
