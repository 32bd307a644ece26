// Daemons outlive the terminal session that started them.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { end } from '../helpers/daemon.mjs'
import { hasProgram, needs, temporary, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const ROUNDS = repetitions(10)
const AT_ONCE = 10
const ALL = ROUNDS * AT_ONCE

/** Launches daemons from session leaders on terminals, which end. Returns the number of daemons that are still alive. */
async function survivors(context, onTerminal) {
  const directory = temporary(context)
  let alive = 0
  for (let round = 0; round < ROUNDS; round++) {
    const logs = Array.from({ length: AT_ONCE }, (_, index) => path.join(directory, `${round}-${index}`))
    const results = await Promise.all(
      logs.map((log) => {
        const [program, ...args] = onTerminal([
          process.execPath,
          fixture('daemon.cjs'),
          JSON.stringify({ stdout: log }),
        ])
        return run(program, args).ended
      }),
    )
    for (const { code, stdout, stderr } of results) assert.equal(code, 0, stdout + stderr)
    // The terminals are gone.
    const daemons = logs.map((log) => JSON.parse(fs.readFileSync(log, 'utf8').split('\n')[0]))
    for (const { pid, sid, terminal } of daemons) {
      assert.equal(terminal, null)
      assert.equal(stat(sid), null)
      if (isAlive(pid)) alive++
    }
    await Promise.all(daemons.map(({ pid }) => end(pid)))
  }
  return alive
}

const quoted = (words) => words.map((word) => `'${word}'`).join(' ')

test('daemonize(): every daemon survives the end of a script(1) terminal', {
  contract: 'D1',
  ...needs('script', hasProgram('script')),
}, async (t) => {
  assert.equal(await survivors(t, (command) => ['script', '-qec', `exec ${quoted(command)}`, '/dev/null']), ALL)
})

test('daemonize(): every daemon survives the hang-up of a pseudo-terminal', { contract: 'D1' }, async (t) => {
  assert.equal(await survivors(t, (command) => ['python3', fixture('hang-up-after.py'), ...command]), ALL)
})

// Runs a program with the name of a terminal that belongs to no session as its last argument.
const WITH_TERMINAL = `
import os, subprocess, sys
master, slave = os.openpty()
sys.exit(subprocess.run([*sys.argv[1:], os.ttyname(slave)]).returncode)
`

test('daemonize(): the daemon gains no terminal by opening one', { contract: 'D1' }, async (t) => {
  const directory = temporary(t)
  const log = path.join(directory, 'log')
  const { code, stdout, stderr } = await run('python3', [
    '-c',
    WITH_TERMINAL,
    process.execPath,
    fixture('daemon/open-terminal.cjs'),
    log,
  ]).ended
  assert.equal(code, 0, stdout + stderr)
  const { pid, opened, before, after } = JSON.parse(fs.readFileSync(log, 'utf8'))
  assert.match(opened, /^\/dev\/pts\//)
  assert.equal(before, null)
  assert.equal(after, null)
  await until(() => !isAlive(pid))
})
