// Node.js's checks of child_process.spawn(), applied to spawn(): streams between children, ends of streams, exit codes,
// signals to groups, variables, errors, and a parent without standard streams.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { exited, killed, shell, started, told } from '../helpers/children.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { fixture, library, run, scriptCommand } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { refusal } from './helpers/refusals.mjs'

const onlyNode = needs('Node.js', isNode)
const MEGABYTE = 2 ** 20

/** Starts a child with pipes. The test checks the errors of the pipes itself. */
const piped = (t, file, args, options) => started(t, file, args, { stdio: 'pipe', ...options })
const closeAll = (...children) => {
  for (const { stdio } of children) for (const stream of stdio) stream?.destroy()
}

// ── Streams ──

test('spawn(): output flows through three children, in JavaScript', onlyNode, async (t) => {
  const [first, second, third] = [
    piped(t, 'printf', ['one\\ntwo\\nthree\\n']),
    piped(t, 'grep', ['t']),
    piped(t, 'tr', ['a-z', 'A-Z']),
  ]
  const through = Promise.all([
    pipeline(first.stdio[1], second.stdio[0]),
    pipeline(second.stdio[1], third.stdio[0]),
    text(third.stdio[1]),
  ])
  assert.equal((await through)[2], 'TWO\nTHREE\n')
  for (const child of [first, second, third]) assert.equal((await child.wait()).exitCode, 0)
  closeAll(first, second, third)
})

test('spawn() stdio: outputs of two children are the input of a third', onlyNode, async (t) => {
  const third = piped(t, 'sort', [])
  const [input] = third.stdio
  const writers = ['b', 'a'].map((word) => started(t, 'echo', [word], { stdio: ['ignore', input, 'inherit'] }))
  // The input ends once all processes have closed it.
  input.destroy()
  assert.equal(await text(third.stdio[1]), 'a\nb\n')
  for (const child of [...writers, third]) assert.equal((await child.wait()).exitCode, 0)
  closeAll(third)
})

test('spawn() stdio: one child’s output is another’s input, without JavaScript', onlyNode, async (t) => {
  const writer = piped(t, 'seq', ['100000'])
  const reader = piped(t, 'wc', ['-l'], { stdio: [writer.stdio[1], 'pipe', 'inherit'] })
  writer.stdio[1].destroy()
  assert.equal((await text(reader.stdio[1])).trim(), '100000')
  await Promise.all([writer.wait(), reader.wait()])
  closeAll(writer, reader)
})

test('spawn(): megabytes that were written before end() arrive', onlyNode, async (t) => {
  const child = piped(t, 'wc', ['-c'])
  const [input, output] = child.stdio
  for (let i = 0; i < 8; i++) input.write(Buffer.alloc(MEGABYTE, i))
  input.end('!')
  assert.equal(Number(await text(output)), 8 * MEGABYTE + 1)
  await child.wait()
  closeAll(child)
})

test('spawn(): wait() resolves while output is unread, and the output stays', onlyNode, async (t) => {
  const child = shell(t, 'printf out; printf err >&2; exit 3', { stdio: 'pipe' })
  assert.equal((await child.wait()).exitCode, 3)
  assert.deepEqual(await Promise.all([text(child.stdio[1]), text(child.stdio[2])]), ['out', 'err'])
  closeAll(child)
})

test('spawn(): output that is read late and slowly is complete', onlyNode, async (t) => {
  const child = piped(t, 'head', ['-c', String(3 * MEGABYTE), '/dev/zero'])
  let length = 0
  for await (const chunk of child.stdio[1]) {
    length += chunk.length
    await new Promise(setImmediate)
  }
  assert.equal(length, 3 * MEGABYTE)
  await child.wait()
  closeAll(child)
})

test('spawn(): a child that closes stdin makes writes fail with EPIPE', onlyNode, async (t) => {
  const child = shell(t, 'exec <&-; echo closed; exec sleep 1000', { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdio[1], 'data')
  child.stdio[0].write('unread')
  const [error] = await once(child.stdio[0], 'error')
  assert.equal(error.code, 'EPIPE')
  closeAll(child)
})

test('spawn(): SIGPIPE ends a child that writes into a destroyed pipe', onlyNode, async (t) => {
  const child = piped(t, 'yes', [])
  await once(child.stdio[1], 'data')
  child.stdio[1].destroy()
  assert.deepEqual(told(await child.wait()), killed(child.pid, 'SIGPIPE'))
  closeAll(child)
})

test('spawn(): streams of a killed child end after its own children', onlyNode, async (t) => {
  const child = shell(t, 'sleep 1000 & echo $!; wait', { stdio: ['ignore', 'pipe', 'ignore'] })
  const grandchild = Number(await once(child.stdio[1], 'data'))
  let hasEnded = false
  child.stdio[1].resume().on('end', () => {
    hasEnded = true
  })
  child.kill('SIGKILL')
  await child.wait()
  await new Promise(setImmediate)
  assert.equal(hasEnded, false)
  process.kill(grandchild, 'SIGKILL')
  await once(child.stdio[1], 'close')
  assert.equal(hasEnded, true)
})

test('spawn(): bytes of any value go through unchanged', onlyNode, async (t) => {
  const bytes = Buffer.from(Array.from({ length: 65_536 }, (_, index) => index % 257))
  const child = piped(t, 'cat', [])
  child.stdio[0].end(bytes)
  assert.deepEqual(await buffer(child.stdio[1]), bytes)
  await child.wait()
  closeAll(child)
})

// ── Ends ──

test('spawn(): reports every exit code from 0 to 255', async (t) => {
  const children = Array.from({ length: 256 }, (_, code) => shell(t, `exit ${code}`))
  for (const [code, child] of children.entries()) assert.deepEqual(told(await child.wait()), exited(child.pid, code))
})

test('spawn() session: a signal to the child’s group reaches its children', async (t) => {
  const log = path.join(temporary(t), 'pid')
  const child = shell(t, `sleep 1000 & echo $! >${log}; wait`, { session: true })
  const grandchild = Number(
    await until(() => fs.existsSync(log) && fs.readFileSync(log, 'utf8'), 'the child has a child'),
  )
  assert.equal(stat(grandchild).pgrp, child.pid)
  process.kill(-child.pid, 'SIGTERM')
  assert.deepEqual(told(await child.wait()), killed(child.pid, 'SIGTERM'))
  await until(() => !isAlive(grandchild), 'the grandchild is gone')
})

// ── Variables and standard streams ──

test('spawn() env: empty values, `=` in values and odd names arrive', async (t) => {
  const env = { EMPTY: '', EQUALS: 'a=b=c', 'odd name': 'x', 'ö-.': 'ü', LINES: 'a\nb' }
  const file = path.join(temporary(t), 'environ')
  const fd = fs.openSync(file, 'w')
  const child = started(t, '/bin/cat', ['/proc/self/environ'], { stdio: ['ignore', fd, 'inherit'], env })
  fs.closeSync(fd)
  await child.wait()
  const variables = fs.readFileSync(file, 'utf8').split('\0').slice(0, -1)
  assert.deepEqual(
    variables.sort(),
    Object.entries(env)
      .map(([name, value]) => `${name}=${value}`)
      .sort(),
  )
})

test('spawn(): a child of a child writes to an inherited stdout', async () => {
  const call = ['sh', ['-c', 'echo child; sh -c "echo grandchild"'], { stdio: 'inherit' }]
  const script = scriptCommand(fixture('process/report-spawns.mjs'), JSON.stringify([call]))
  const { stdout, stderr } = await run(process.execPath, script).ended
  assert.match(stdout, /^child\ngrandchild\n/, stderr)
})

test('spawn(): works in a process that was started without standard streams', onlyNode, async (t) => {
  const log = path.join(temporary(t), 'log')
  const script = `import(${JSON.stringify(library)}).then(async ({ spawn }) => {
    const child = spawn('sh', ['-c', 'cat; echo error >&2'])
    child.stdio[0].end('input ')
    const texts = await Promise.all(child.stdio.slice(1).map((stream) => stream.setEncoding('utf8').toArray()))
    const { exitCode } = await child.wait()
    require('fs').writeFileSync(${JSON.stringify(log)}, JSON.stringify({ texts: texts.flat(), exitCode }))
  })`
  const { code } = await run('sh', ['-c', 'exec "$@" <&- >&- 2>&-', 'sh', process.execPath, '-e', script]).ended
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(fs.readFileSync(log, 'utf8')), { texts: ['input ', 'error\n'], exitCode: 0 })
})

// ── Errors ──

for (const [code, what, call] of [
  ['ENOENT', 'a missing program', ['no-such-program']],
  ['ENOENT', 'a missing path', ['/no/such/program']],
  ['ENOTDIR', 'a path through a file', ['/bin/sh/program']],
  ['EACCES', 'a directory', ['/']],
  ['EACCES', 'a file without execute permission', ['/etc/passwd']],
  ['E2BIG', 'arguments of 8 MiB', ['true', Array(80).fill('x'.repeat(100_000))]],
  ['E2BIG', 'an argument of 200 KiB', ['true', ['x'.repeat(200 * 1024)]]],
  ['E2BIG', 'a variable of 200 KiB', ['/bin/true', [], { env: { LONG: 'x'.repeat(200 * 1024) } }]],
  ['ENAMETOOLONG', 'a name of 5,000 characters', [`/${'x'.repeat(5000)}`]],
]) {
  test(`spawn(): throws ${code} of execve, ${what}`, () => {
    const [file, args = [], options] = call
    const error = refusal(file, args, { stdio: 'ignore', ...options })
    assert.deepEqual([error.code, error.syscall, error.path], [code, 'execve', file])
  })
}

test('spawn() cwd: throws ENOENT of chdir with the path', () => {
  const error = refusal('true', [], { stdio: 'ignore', cwd: '/no such directory' })
  assert.deepEqual([error.code, error.syscall, error.path], ['ENOENT', 'chdir', '/no such directory'])
})
