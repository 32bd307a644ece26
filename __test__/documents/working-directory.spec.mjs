// examples/working-directory: the working directory of a process, and relative paths.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { example } from '../helpers/example.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'

test('examples/working-directory: inherited, given or changed; / for a daemon', async (t) => {
  const [cwd, TMPDIR] = [temporary(t), temporary(t)].map((directory) => fs.realpathSync(directory))
  const { child, output, says, ended } = example(t, 'working-directory', [], { cwd, env: { ...process.env, TMPDIR } })
  await says(/, but .*\n/)

  const where = (pid) => fs.readlinkSync(`/proc/${pid}/cwd`)
  const pidOf = (what) => Number(output.stdout.match(new RegExp(`^${what}: PID (\\d+) is in `, 'm'))[1])
  const [inherited, given, daemon] = ['inherited', 'given', "a daemon's"].map(pidOf)
  const [there] = fs.readdirSync(TMPDIR).map((name) => `${TMPDIR}/${name}`)
  assert.equal(where(inherited), cwd)
  assert.equal(where(given), there)
  assert.equal(where(daemon), '/')
  assert.equal(where(child.pid), '/')
  assert.equal(stat(given).ppid, child.pid)
  assert.notEqual(stat(daemon).ppid, child.pid)

  const note = 'a note that was left there'
  assert.deepEqual(output.stdout.trimEnd().split('\n'), [
    `mine: PID ${child.pid} is in ${cwd}`,
    `inherited: PID ${inherited} is in ${cwd}`,
    `given: PID ${given} is in ${there}`,
    `a daemon's: PID ${daemon} is in /`,
    `note, from ${cwd}: ENOENT`,
    `changed: PID ${child.pid} is in ${there}`,
    `note, from ${there}: ${note}`,
    `main.js, from ${there}: ENOENT`,
    "require('./main.js') is main.js all the same",
    `note, from /: ENOENT, but ${there}/note: ${note}`,
  ])

  child.stdin.end()
  const { code, stderr } = await ended()
  assert.equal(code, 0, stderr)
  for (const pid of [inherited, given, daemon]) assert.ok(!isAlive(pid))
  assert.deepEqual(fs.readdirSync(TMPDIR), [])
})
