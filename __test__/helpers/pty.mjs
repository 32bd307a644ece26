// Pseudo-terminals.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { fixture } from './run.mjs'

/** Opens a terminal that is no session's controlling terminal. `fd` is its descriptor. */
export async function pty(context) {
  const keeper = spawn('python3', [fixture('hold-terminal.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(keeper, 'close')
  const name = String((await once(keeper.stdout, 'data'))[0]).trim()
  const fd = fs.openSync(name, fs.constants.O_RDWR | fs.constants.O_NOCTTY)
  context.after(() => {
    fs.closeSync(fd)
    keeper.stdin.end()
    return gone
  })
  const tell = (line) => keeper.stdin.write(`${line}\n`)
  return { name, fd, type: (keys) => tell(`type ${keys}`), hangUp: () => tell('hang up') }
}
