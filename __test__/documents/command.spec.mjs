// examples/command: a script becomes a command by its first line, the executable bit and a link on the PATH.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { example, examplePath } from '../helpers/example.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { run } from '../helpers/run.mjs'

const script = examplePath('command/hello.js')

test('examples/command: a link on the PATH makes a script a command', async (t) => {
  fs.accessSync(script, fs.constants.X_OK)
  assert.equal(fs.readFileSync(script, 'utf8').split('\n')[0], '#!/usr/bin/env node')

  const bin = temporary(t)
  fs.symlinkSync(script, path.join(bin, 'hello'))
  const PATH = [bin, path.dirname(process.execPath), process.env.PATH].join(path.delimiter)
  const { code, stdout, stderr } = await run('sh', ['-c', 'hello'], { env: { ...process.env, PATH } }).ended
  assert.equal(code, 0, stderr)
  assert.equal(stdout, 'hello, world! I am hello, run by node\n')
})

test('examples/command: shows a greeting, EACCES without the bit, ENOENT without interpreter', async (t) => {
  const TMPDIR = temporary(t)
  const { child, ended } = example(t, 'command', [], { env: { ...process.env, TMPDIR } })
  child.stdin.end()
  const { code, stdout, stderr } = await ended()
  assert.equal(code, 0, stderr)

  const greeting = ['hello, you! I am hello, run by node', 'it exited with 0']
  const parts = stdout.split('\n\n').map((part) => part.trimEnd().split('\n').slice(1))
  assert.deepEqual(parts, [
    ['simple interaction'],
    greeting,
    [...greeting, 'and its interpreter, which sees it:', 'greeter'],
    ['it could not be started: EACCES, execve'],
    ['it could not be started: ENOENT, execve'],
    ['it exited with 127'],
  ])
  assert.match(stderr, /^[^\n]*env: .*node.*\n$/)
  assert.deepEqual(fs.readdirSync(TMPDIR), [])
})
