// spawn() stdio: descriptors of the child by number and by object, and blocking mode. spawn-pipes.spec.mjs has the pipes.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { listenUnix } from '../../index.js'
import { started } from '../helpers/children.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { descriptors } from '../helpers/proc.mjs'
import { fixture, run, runScript, scriptCommand } from '../helpers/run.mjs'
import { hasOpen } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'
import { facts, refusal } from './helpers/refusals.mjs'
import { seenInChild, waitForSuccess } from './helpers/stdio.mjs'

const PYTHON = 'python3'
const NULL = '/dev/null'
const onlyNode = needs('Node.js', isNode)

// Accepts a connection on descriptor 3, and sends its pid there.
const ACCEPT = `
import os, socket
connection, _ = socket.socket(fileno=3).accept()
connection.sendall(b'%d\\n' % os.getpid())`

// Becomes another program, with non-blocking standard streams, and a copy of standard input at 3.
const UNBLOCK = `
import os, sys
for fd in (0, 1, 2): os.set_blocking(fd, False)
os.dup2(0, 3)
os.execvp(sys.argv[1], sys.argv[1:])`

const sleeping = (t, stdio) => started(t, 'sleep', ['1000'], { stdio })

/** Opens new files for writing; returns their paths and descriptors. */
function files(t, count) {
  const directory = fs.realpathSync(temporary(t))
  return Array.from({ length: count }, (_, index) => {
    const file = path.join(directory, `file ${index}`)
    const fd = fs.openSync(file, 'a+')
    t.after(() => fs.closeSync(fd))
    return { file, fd }
  })
}

const indexed = (list) => Object.fromEntries(list.entries())

// ── Numbers ──

/** Generates pseudo-random numbers, the same in each run. */
function* numbers(seed) {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    yield state >>> 16
  }
}

test('spawn() stdio: maps descriptors in any way', { contract: 'P3' }, async (t) => {
  const open = files(t, 8)
  const highest = Math.max(...open.map(({ fd }) => fd))
  const random = numbers(1)
  const below = (limit) => random.next().value % limit
  for (let round = 0; round < 60; round++) {
    // All sources are below `highest`, so that many targets are sources, too.
    const picked = Array.from({ length: 3 + below(highest + 4) }, () => open[below(open.length + 2)])
    const child = sleeping(
      t,
      picked.map((one) => one?.fd ?? 'ignore'),
    )
    await hasOpen(child.pid, indexed(picked.map((one) => one?.file ?? NULL)))
  }
})

test('spawn() stdio: swaps two descriptors, a third keeps its number', { contract: 'P3' }, async (t) => {
  const open = files(t, 3)
  const stdio = Array(Math.max(...open.map(({ fd }) => fd)) + 1).fill('ignore')
  const expected = indexed(stdio.map(() => NULL))
  const [first, second, third] = open
  for (const [target, source] of [
    [first, second],
    [second, first],
    [third, third],
  ]) {
    stdio[target.fd] = source.fd
    expected[target.fd] = source.file
  }
  await hasOpen(sleeping(t, stdio).pid, expected)
  // The caller's descriptors are unchanged, and close-on-exec.
  for (const { fd, file } of open) {
    assert.equal(fs.readlinkSync(`/proc/self/fd/${fd}`), file)
    assert.match(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'), /^flags:\s+02\d{6}$/m)
  }
})

test('spawn() stdio: missing entries are pipes up to 2, /dev/null above', {
  contract: 'P3',
  ...onlyNode,
}, async (t) => {
  for (const stdio of [[null, undefined, null, null, undefined], Array(5)]) {
    const child = started(t, 'sh', ['-c', 'cat; readlink /proc/$$/fd/3 /proc/$$/fd/4'], { stdio })
    assert.deepEqual(child.stdio.map(Boolean), [true, true, true, false, false])
    child.stdio[0].end('through\n')
    assert.equal(await text(child.stdio[1]), 'through\n/dev/null\n/dev/null\n')
    await waitForSuccess(child)
  }
})

test('spawn() stdio: [0, 2, 1] swaps output and errors', { contract: 'P3' }, async () => {
  const { stdout, stderr, code } = await runScript(fixture('process/swap-output-and-errors.mjs'))
  assert.deepEqual({ stdout, stderr, code }, { stdout: 'to 2\n', stderr: 'to 1\n', code: 0 })
})

test('spawn() stdio: passes a descriptor at 300', { contract: 'P3' }, async (t) => {
  const [{ fd, file }] = files(t, 1)
  await hasOpen(sleeping(t, [...Array(300).fill('ignore'), fd]).pid, { ...indexed(Array(300).fill(NULL)), 300: file })
})

test('spawn() stdio: one source at several numbers is one open file', { contract: 'P3' }, async (t) => {
  const [{ fd, file }] = files(t, 1)
  const script = 'echo one; echo two >&2; echo three >&5; echo four'
  await waitForSuccess(started(t, 'sh', ['-c', script], { stdio: ['ignore', fd, fd, 'ignore', 'ignore', fd] }))
  fs.writeSync(fd, 'five\n')
  assert.equal(fs.readFileSync(file, 'utf8'), 'one\ntwo\nthree\nfour\nfive\n')
})

test("spawn() stdio: 'ignore' is /dev/null, 'inherit' is the caller's descriptor", { contract: 'P3' }, async (t) => {
  await hasOpen(sleeping(t, 'ignore').pid, indexed([NULL, NULL, NULL]))
  const own = descriptors()
  await hasOpen(sleeping(t, 'inherit').pid, { 0: own[0], 1: own[1], 2: own[2] })
  const [{ fd, file }] = files(t, 1)
  const stdio = [...Array(fd).fill('ignore'), 'inherit']
  await hasOpen(sleeping(t, stdio).pid, { ...indexed(Array(fd).fill(NULL)), [fd]: file })
  await waitForSuccess(
    started(t, 'sh', ['-c', 'cat; echo; cat >&2 </dev/null; cat <&1; echo >&0'], { stdio: 'ignore' }),
  )
})

for (const count of [7, 200, 5000]) {
  test(`spawn() stdio: closes all other descriptors, ${count} without close-on-exec`, { contract: 'P3' }, async () => {
    const call = ['ls', ['/proc/self/fd'], { stdio: 'inherit' }]
    const script = scriptCommand(fixture('process/report-spawns.mjs'), JSON.stringify([call]))
    const args = [fixture('open-many.py'), count, process.execPath, ...script]
    const { stdout, stderr } = await run(PYTHON, args).ended
    // ls reads the directory by descriptor 3.
    assert.equal(stdout.split('{')[0], '0\n1\n2\n3\n', stderr)
    assert.match(stdout, /"exitCode":0/)
  })
}

test("spawn() stdio: throws EBADF of fcntl for a closed number or 'inherit'", { contract: 'P2' }, (t) => {
  const [{ fd }] = files(t, 1)
  const closed = 900
  assert.equal(descriptors()[closed], undefined)
  const inherits = [...Array(closed).fill('ignore'), 'inherit']
  for (const stdio of [[closed], ['ignore', fd, 2 ** 31 - 1], [fd, fd, fd, fd, closed], inherits]) {
    const options = { stdio: stdio.length < 3 ? [...stdio, 'ignore', 'ignore'] : stdio }
    assert.deepEqual(facts(refusal('true', [], options)), { code: 'EBADF', errno: -9, syscall: 'fcntl' })
  }
})

// ── Objects with a descriptor ──

test('spawn() stdio: passes the socket of a Handle, which stays open', { contract: 'P3' }, async (t) => {
  const file = path.join(temporary(t), 'socket')
  const handle = listenUnix(file)
  t.after(() => handle.close())
  const stdio = ['ignore', 'ignore', 'inherit', handle]
  const child = started(t, PYTHON, ['-c', ACCEPT], { stdio })
  assert.equal(await text(net.connect(file)), `${child.pid}\n`)
  await waitForSuccess(child)
  assert.match(fs.readlinkSync(`/proc/self/fd/${handle.fd}`), /^socket:/)
})

test('spawn() stdio: passes a FileHandle, and an object with `fd`', { contract: 'P3' }, async (t) => {
  const [{ fd, file }, { file: another }] = files(t, 2)
  const opened = await fs.promises.open(another, 'a')
  t.after(() => opened.close())
  await waitForSuccess(started(t, 'sh', ['-c', 'echo a; echo b >&2'], { stdio: ['ignore', opened, { fd }] }))
  await opened.write('c')
  assert.deepEqual(
    [another, file].map((one) => fs.readFileSync(one, 'utf8')),
    ['a\nc', 'b\n'],
  )
})

/** Returns both ends of a TCP connection, and the server. */
async function connection(t) {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = net.connect(server.address().port, '127.0.0.1')
  const [far] = await once(server, 'connection')
  t.after(async () => {
    for (const socket of [near, far]) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return { server, near, far }
}

test('spawn() stdio: passes a net.Socket, which goes on here', { contract: 'P3', ...onlyNode }, async (t) => {
  const { near, far } = await connection(t)
  const arrived = []
  near.on('data', (data) => arrived.push(data))
  const child = started(t, 'sh', ['-c', 'echo from the child >&3'], { stdio: ['ignore', 'ignore', 'ignore', far] })
  await waitForSuccess(child)
  far.write('from the caller\n')
  await until(() => Buffer.concat(arrived).toString() === 'from the child\nfrom the caller\n', 'both have written')
  near.write('back\n')
  assert.equal(String(await once(far, 'data')), 'back\n')
})

test('spawn() stdio: passes a net.Server, which listens in the child', { contract: 'P3', ...onlyNode }, async (t) => {
  const { server } = await connection(t)
  const { port } = server.address()
  server.unref()
  const stdio = ['ignore', 'ignore', 'inherit', server]
  // Both processes listen. The child takes the connections that this process does not take.
  const child = started(t, PYTHON, ['-c', ACCEPT], { stdio })
  server.close()
  assert.equal(await text(net.connect(port, '127.0.0.1')), `${child.pid}\n`)
  await waitForSuccess(child)
})

test('spawn() stdio: throws for a closed Handle, socket or server', { contract: 'P3', ...onlyNode }, async (t) => {
  const handle = listenUnix(path.join(temporary(t), 'socket'))
  handle.close()
  const { near } = await connection(t)
  near.destroy()
  const codes = [handle, near, net.createServer()].map((one) => refusal('true', [], { stdio: [one, one, one] }).code)
  assert.deepEqual(codes, ['ERR_PROCNATIVE_HANDLE_CLOSED', 'ERR_INVALID_ARG_VALUE', 'ERR_INVALID_ARG_VALUE'])
})

test("spawn() stdio: 'inherit' makes non-blocking standard streams blocking", { contract: 'P3' }, async (t) => {
  const [{ file }] = files(t, 1)
  const args = [
    '-c',
    UNBLOCK,
    process.execPath,
    ...scriptCommand(fixture('process/pass-on-standard-streams.mjs'), file),
  ]
  const { code, stderr } = await run(PYTHON, args).ended
  assert.equal(code, 0, stderr)
  const seen = JSON.parse(fs.readFileSync(file, 'utf8')).map(({ nonBlocking }) => nonBlocking)
  assert.deepEqual(seen, [false, false, false])
})

/** Returns true if a descriptor of this process has O_NONBLOCK. */
const isNonBlocking = (fd) => {
  const [, flags] = fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^flags:\s*(\d+)$/m)
  return (Number.parseInt(flags, 8) & fs.constants.O_NONBLOCK) !== 0
}

test('spawn() stdio: makes standard streams blocking, unless the start fails', { contract: 'P3' }, async (t) => {
  const fifo = path.join(temporary(t), 'fifo')
  execFileSync('mkfifo', [fifo])
  const fd = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK)
  t.after(() => fs.closeSync(fd))
  assert.equal(isNonBlocking(fd), true)
  refusal('/no such', [], { stdio: [fd, fd, fd] })
  assert.equal(isNonBlocking(fd), true)
  await waitForSuccess(started(t, 'true', [], { stdio: ['ignore', 'ignore', 'ignore', fd] }))
  assert.equal(isNonBlocking(fd), true)
  await waitForSuccess(started(t, 'true', [], { stdio: ['ignore', 'ignore', fd] }))
  assert.equal(isNonBlocking(fd), false)
})

test('spawn() stdio: keeps a socket above 2 non-blocking', { contract: 'P3', ...onlyNode }, async (t) => {
  const { far } = await connection(t)
  const seen = await seenInChild(t, ['ignore', 'ignore', 'ignore', far])
  assert.deepEqual(seen[3], { kind: 'socket', nonBlocking: true })
})
