// P3: what the descriptors of a child of spawn() are, and its signals.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { Worker } from 'node:worker_threads'
import { listenUnix, spawn } from '../../index.js'
import { started } from '../helpers/children.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { descriptors, status } from '../helpers/proc.mjs'
import { fixture, root, run, runScript, scriptCommand } from '../helpers/run.mjs'
import { hasOpen } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'
import { facts, refusal } from './helpers/refusals.mjs'

const PYTHON = 'python3'
const NULL = '/dev/null'
const onlyNode = needs('Node.js', isNode)

const sleeping = (t, stdio) => started(t, 'sleep', ['1000'], { stdio })

/** Files of the test's own, open to be written, by their paths. */
function files(t, count) {
  const directory = fs.realpathSync(temporary(t))
  return Array.from({ length: count }, (_, index) => {
    const file = path.join(directory, `file ${index}`)
    const fd = fs.openSync(file, 'a+')
    t.after(() => fs.closeSync(fd))
    return { file, fd }
  })
}

/** What `list` says at each index, as an object. */
const indexed = (list) => Object.fromEntries(list.entries())

async function ended(child) {
  const { exitCode, signal } = await child.wait()
  assert.deepEqual({ exitCode, signal }, { exitCode: 0, signal: null })
}

/** What the descriptors are in a child that is given these, as it says itself; a 'pipe' is not read from. */
async function seenInChild(t, stdio) {
  const [{ file }] = files(t, 1)
  const child = started(t, PYTHON, [fixture('process/report-descriptors.py'), file, ...stdio.keys()].map(String), {
    stdio,
  })
  t.after(() => child.stdio.map((socket) => socket?.destroy()))
  await ended(child)
  return JSON.parse(fs.readFileSync(file, 'utf8'))
}

// ── Maps ──

// Numbers that look random, and are the same in each run.
function* numbers(seed) {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    yield state >>> 16
  }
}

test('any mapping of descriptors is done: swaps, cycles, one to many, and what is ignored', {
  contract: 'P3',
}, async (t) => {
  const open = files(t, 8)
  const highest = Math.max(...open.map(({ fd }) => fd))
  const random = numbers(1)
  const below = (limit) => random.next().value % limit
  for (let round = 0; round < 60; round++) {
    // Of targets that are sources too as many as there can be: all of them are below `highest`.
    const picked = Array.from({ length: 3 + below(highest + 4) }, () => open[below(open.length + 2)])
    const child = sleeping(
      t,
      picked.map((one) => one?.fd ?? 'ignore'),
    )
    await hasOpen(child.pid, indexed(picked.map((one) => one?.file ?? NULL)))
  }
})

test('descriptors that keep their numbers, and those that change places, are open in the child', {
  contract: 'P3',
}, async (t) => {
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
  // In the caller all is as it was, close-on-exec too.
  for (const { fd, file } of open) {
    assert.equal(fs.readlinkSync(`/proc/self/fd/${fd}`), file)
    assert.match(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'), /^flags:\s+02\d{6}$/m)
  }
})

test('what is null, undefined or missing in stdio is a pipe for 0, 1 and 2, and nothing above', {
  contract: 'P3',
  ...onlyNode,
}, async (t) => {
  for (const stdio of [[null, undefined, null, null, undefined], Array(5)]) {
    const child = started(t, 'sh', ['-c', 'cat; readlink /proc/$$/fd/3 /proc/$$/fd/4'], { stdio })
    assert.deepEqual(child.stdio.map(Boolean), [true, true, true, false, false])
    child.stdio[0].end('through\n')
    assert.equal(await text(child.stdio[1]), 'through\n/dev/null\n/dev/null\n')
    await ended(child)
  }
})

test('stdio: [0, 2, 1] swaps output and errors', { contract: 'P3' }, async () => {
  const { stdout, stderr, code } = await runScript(fixture('process/swap-output-and-errors.mjs'))
  assert.deepEqual({ stdout, stderr, code }, { stdout: 'to 2\n', stderr: 'to 1\n', code: 0 })
})

test('a descriptor goes to a number far above 10', { contract: 'P3' }, async (t) => {
  const [{ fd, file }] = files(t, 1)
  await hasOpen(sleeping(t, [...Array(300).fill('ignore'), fd]).pid, { ...indexed(Array(300).fill(NULL)), 300: file })
})

test('one source at several numbers is one open file, which stays the caller’s', { contract: 'P3' }, async (t) => {
  const [{ fd, file }] = files(t, 1)
  const script = 'echo one; echo two >&2; echo three >&5; echo four'
  await ended(started(t, 'sh', ['-c', script], { stdio: ['ignore', fd, fd, 'ignore', 'ignore', fd] }))
  fs.writeSync(fd, 'five\n')
  assert.equal(fs.readFileSync(file, 'utf8'), 'one\ntwo\nthree\nfour\nfive\n')
})

test("'ignore' is /dev/null, which can be read and written; 'inherit' is the caller's descriptor", {
  contract: 'P3',
}, async (t) => {
  await hasOpen(sleeping(t, 'ignore').pid, indexed([NULL, NULL, NULL]))
  const own = descriptors()
  await hasOpen(sleeping(t, 'inherit').pid, { 0: own[0], 1: own[1], 2: own[2] })
  const [{ fd, file }] = files(t, 1)
  const stdio = [...Array(fd).fill('ignore'), 'inherit']
  await hasOpen(sleeping(t, stdio).pid, { ...indexed(Array(fd).fill(NULL)), [fd]: file })
  await ended(started(t, 'sh', ['-c', 'cat; echo; cat >&2 </dev/null; cat <&1; echo >&0'], { stdio: 'ignore' }))
})

for (const count of [7, 200, 5000]) {
  test(`all other descriptors are closed, where the caller had ${count} open without close-on-exec`, {
    contract: 'P3',
  }, async () => {
    const call = ['ls', ['/proc/self/fd'], { stdio: 'inherit' }]
    const script = scriptCommand(fixture('process/report-spawns.mjs'), JSON.stringify([call]))
    const args = [fixture('open-many.py'), count, process.execPath, ...script]
    const { stdout, stderr } = await run(PYTHON, args).ended
    // The last one is what it reads them by.
    assert.equal(stdout.split('{')[0], '0\n1\n2\n3\n', stderr)
    assert.match(stdout, /"exitCode":0/)
  })
}

test('a source that is closed is EBADF of fcntl, by its number and by `inherit`; nothing is started', {
  contract: 'P2',
}, (t) => {
  const [{ fd }] = files(t, 1)
  const closed = 900
  assert.equal(descriptors()[closed], undefined)
  const inherits = [...Array(closed).fill('ignore'), 'inherit']
  for (const stdio of [[closed], ['ignore', fd, 2 ** 31 - 1], [fd, fd, fd, fd, closed], inherits]) {
    const options = { stdio: stdio.length < 3 ? [...stdio, 'ignore', 'ignore'] : stdio }
    assert.deepEqual(facts(refusal('true', [], options)), { code: 'EBADF', errno: -9, syscall: 'fcntl' })
  }
})

// ── What has a descriptor ──

test('a Handle in stdio is a listening socket in the child, and stays open here', { contract: 'P3' }, async (t) => {
  const file = path.join(temporary(t), 'socket')
  const handle = listenUnix(file)
  t.after(() => handle.close())
  const stdio = ['ignore', 'ignore', 'inherit', handle]
  const child = started(t, PYTHON, [fixture('process/spawn-answers.py'), '3'], { stdio })
  assert.equal(await text(net.connect(file)), `${child.pid}\n`)
  await ended(child)
  assert.match(fs.readlinkSync(`/proc/self/fd/${handle.fd}`), /^socket:/)
})

test('a FileHandle and any object with an `fd` in stdio are their files', { contract: 'P3' }, async (t) => {
  const [{ fd, file }, { file: another }] = files(t, 2)
  const opened = await fs.promises.open(another, 'a')
  t.after(() => opened.close())
  await ended(started(t, 'sh', ['-c', 'echo a; echo b >&2'], { stdio: ['ignore', opened, { fd }] }))
  await opened.write('c')
  assert.deepEqual(
    [another, file].map((one) => fs.readFileSync(one, 'utf8')),
    ['a\nc', 'b\n'],
  )
})

/** Two ends of a connection, and the server. */
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

test('a net.Socket in stdio is its connection, and goes on here', { contract: 'P3', ...onlyNode }, async (t) => {
  const { near, far } = await connection(t)
  const arrived = []
  near.on('data', (data) => arrived.push(data))
  const child = started(t, 'sh', ['-c', 'echo from the child >&3'], { stdio: ['ignore', 'ignore', 'ignore', far] })
  await ended(child)
  far.write('from the caller\n')
  await until(() => Buffer.concat(arrived).toString() === 'from the child\nfrom the caller\n', 'both have written')
  near.write('back\n')
  assert.equal(String(await once(far, 'data')), 'back\n')
})

test('a net.Server in stdio listens in the child', { contract: 'P3', ...onlyNode }, async (t) => {
  const { server } = await connection(t)
  const { port } = server.address()
  server.unref()
  const stdio = ['ignore', 'ignore', 'inherit', server]
  // Two wait for the same connections: those are the child's that this process does not take.
  const child = started(t, PYTHON, [fixture('process/spawn-answers.py'), '3'], { stdio })
  server.close()
  assert.equal(await text(net.connect(port, '127.0.0.1')), `${child.pid}\n`)
  await ended(child)
})

test('what is closed in stdio is refused by a code of its own, and nothing is started', {
  contract: 'P3',
  ...onlyNode,
}, async (t) => {
  const handle = listenUnix(path.join(temporary(t), 'socket'))
  handle.close()
  const { near } = await connection(t)
  near.destroy()
  const codes = [handle, near, net.createServer()].map((one) => refusal('true', [], { stdio: [one, one, one] }).code)
  assert.deepEqual(codes, ['ERR_PROCNATIVE_HANDLE_CLOSED', 'ERR_INVALID_ARG_VALUE', 'ERR_INVALID_ARG_VALUE'])
})

test("'inherit' of standard streams that are non-blocking: they are blocking in the child", {
  contract: 'P3',
}, async (t) => {
  const [{ file }] = files(t, 1)
  const args = [
    fixture('process/spawn-nonblocking.py'),
    process.execPath,
    ...scriptCommand(fixture('process/pass-on-standard-streams.mjs'), file),
  ]
  const { code, stderr } = await run(PYTHON, args).ended
  assert.equal(code, 0, stderr)
  const seen = JSON.parse(fs.readFileSync(file, 'utf8')).map(({ nonBlocking }) => nonBlocking)
  assert.deepEqual(seen, [false, false, false])
})

// O_NONBLOCK, as the kernel tells it of a descriptor of ours.
const isNonBlocking = (fd) => {
  const [, flags] = fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^flags:\s*(\d+)$/m)
  return (Number.parseInt(flags, 8) & fs.constants.O_NONBLOCK) !== 0
}

test('any descriptor that becomes a standard stream is blocking then; a start that fails leaves it be', {
  contract: 'P3',
}, async (t) => {
  const fifo = path.join(temporary(t), 'fifo')
  execFileSync('mkfifo', [fifo])
  const fd = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK)
  t.after(() => fs.closeSync(fd))
  assert.equal(isNonBlocking(fd), true)
  refusal('/no such', [], { stdio: [fd, fd, fd] })
  assert.equal(isNonBlocking(fd), true)
  await ended(started(t, 'true', [], { stdio: ['ignore', 'ignore', 'ignore', fd] }))
  assert.equal(isNonBlocking(fd), true)
  await ended(started(t, 'true', [], { stdio: ['ignore', 'ignore', fd] }))
  assert.equal(isNonBlocking(fd), false)
})

test('a socket that is passed on above 2 stays non-blocking: it is one with the caller’s', {
  contract: 'P3',
  ...onlyNode,
}, async (t) => {
  const { far } = await connection(t)
  const seen = await seenInChild(t, ['ignore', 'ignore', 'ignore', far])
  assert.deepEqual(seen[3], { kind: 'socket', nonBlocking: true })
})

// ── Pipes ──

/** A child with pipes, which are gone when the test is over. */
function piped(t, file, args, stdio) {
  const child = started(t, file, args, { stdio })
  t.after(() => Promise.all(child.stdio.map((socket) => socket && closed(socket.destroy()))))
  return child
}

const closed = (socket) => socket.closed || once(socket, 'close')

const isCloseOnExec = ({ _handle }) =>
  /^flags:\s+02\d{6}$/m.test(fs.readFileSync(`/proc/self/fdinfo/${_handle.fd}`, 'utf8'))

for (const [what, stdio] of [
  ['by default', undefined],
  ["with 'pipe'", 'pipe'],
  ['for what is missing of the first three', []],
]) {
  test(`the standard streams are pipes ${what}: net.Sockets that go their one way`, {
    contract: 'P3',
    ...onlyNode,
  }, (t) => {
    const child = piped(t, 'sleep', ['1000'], stdio)
    assert.ok(child.stdio.every((socket) => socket instanceof net.Socket))
    assert.deepEqual(
      child.stdio.map(({ readable, writable }) => [readable, writable]),
      [
        [false, true],
        [true, false],
        [true, false],
      ],
    )
    assert.ok(child.stdio.every(isCloseOnExec))
  })
}

test('`stdio` of the Process has the other ends at their indices, null for the rest', {
  contract: 'P3',
  ...onlyNode,
}, (t) => {
  const { stdio } = piped(t, 'sleep', ['1000'], ['ignore', 'pipe', 'inherit', 'ignore', 'pipe'])
  assert.deepEqual(
    stdio.map((socket) => socket instanceof net.Socket),
    [false, true, false, false, true],
  )
  assert.deepEqual([stdio[0], stdio[2], stdio[3]], [null, null, null])
  assert.ok(stdio[4].readable && stdio[4].writable && isCloseOnExec(stdio[4]))
  assert.deepEqual(started(t, 'true', [], { stdio: 'ignore' }).stdio, [null, null, null])
})

test('in the child they are pipe(7) and, above 2, sockets; all of them block', {
  contract: 'P3',
  ...onlyNode,
}, async (t) => {
  const [fifo, socket] = ['fifo', 'socket'].map((kind) => ({ kind, nonBlocking: false }))
  assert.deepEqual(await seenInChild(t, Array(5).fill('pipe')), [fifo, fifo, fifo, socket, socket])
})

const megabytes = (count) => Buffer.alloc(count * 2 ** 20, Buffer.from(Array.from({ length: 251 }, (_, byte) => byte)))

test('megabytes go through the pipes both ways, and the end of stdin is the end of input', {
  contract: 'P3',
  ...onlyNode,
}, async (t) => {
  const sent = megabytes(20)
  const child = piped(t, 'sh', ['-c', 'tee /dev/stderr'])
  const [stdin, stdout, stderr] = child.stdio
  stdin.end(sent)
  const received = await Promise.all([buffer(stdout), buffer(stderr)])
  assert.ok(received.every((one) => one.equals(sent)))
  await ended(child)
})

test('without the end of stdin the child goes on reading', { contract: 'P3', ...onlyNode }, async (t) => {
  const child = piped(t, 'cat', [])
  for (const line of ['one\n', 'two\n']) {
    child.stdio[0].write(line)
    assert.equal(String(await once(child.stdio[1], 'data')), line)
  }
  child.stdio[0].end()
  await ended(child)
})

test('what a child has written before its end is read after it', { contract: 'P3', ...onlyNode }, async (t) => {
  const child = piped(t, 'sh', ['-c', 'echo out; echo err >&2'])
  await ended(child)
  assert.deepEqual(await Promise.all(child.stdio.slice(1).map((socket) => text(socket))), ['out\n', 'err\n'])
})

test('a pipe above 2 goes both ways, also after its one half was ended', { contract: 'P3', ...onlyNode }, async (t) => {
  const sent = megabytes(4)
  const child = piped(
    t,
    PYTHON,
    [fixture('process/spawn-upper.py'), '4'],
    ['ignore', 'ignore', 'inherit', 'ignore', 'pipe'],
  )
  const socket = child.stdio[4]
  socket.end(sent)
  const answer = await buffer(socket)
  assert.ok(
    answer.equals(
      Buffer.from(
        sent.toString('latin1').replace(/[a-z]+/g, (run) => run.toUpperCase()),
        'latin1',
      ),
    ),
  )
  await ended(child)
})

test('a start that fails leaves nothing of its pipes', { contract: 'P2', ...onlyNode }, () => {
  for (let round = 0; round < 100; round++) {
    assert.equal(refusal('/no such', [], { stdio: Array(6).fill('pipe') }).code, 'ENOENT')
  }
})

for (const earlier of [1, 2, 5, 30, 1000]) {
  test(`spawn: leaves nothing where the stack ends, call ${earlier + 1}`, onlyNode, async () => {
    const { stdout, stderr, code } = await runScript(fixture('process/spawn-at-stack-end.mjs'), [earlier])
    assert.equal(code, 0, stderr)
    const { threw, returned, lost } = JSON.parse(stdout)
    assert.ok(threw > 0 && returned > 0, stdout)
    assert.equal(lost, 0)
  })
}

// ── 'socket' ──

test("spawn stdio 'socket': keeps 200 KiB written before process.exit()", onlyNode, async (t) => {
  const script = 'process.stdout.write("x".repeat(200 * 1024)); process.exit(0)'
  for (let round = 0; round < 20; round++) {
    const child = started(t, process.execPath, ['-e', script], { stdio: ['ignore', 'socket', 'inherit'] })
    const text = await child.stdio[1].setEncoding('latin1').toArray()
    assert.equal(text.join('').length, 200 * 1024)
  }
})

test("spawn stdio 'socket': each descriptor goes both ways", onlyNode, async (t) => {
  const script = 'for fd in 0 1 2; do read line <&$fd; echo "$line again" >&$fd; done'
  const child = started(t, 'sh', ['-c', script], { stdio: 'socket' })
  for (const [fd, socket] of child.stdio.entries()) {
    socket.setEncoding('utf8').write(`line ${fd}\n`)
    const [answer] = await once(socket, 'data')
    assert.equal(answer, `line ${fd} again\n`)
  }
  await child.wait()
  for (const socket of child.stdio) socket.destroy()
})

test("spawn stdio: /dev/stdout can be opened with 'pipe', and not with 'socket'", onlyNode, async (t) => {
  for (const [kind, exitCode] of [
    ['pipe', 0],
    ['socket', 1],
  ]) {
    const child = started(t, 'sh', ['-c', '(: >/dev/stdout) || exit 1'], { stdio: ['ignore', kind, 'ignore'] })
    assert.equal((await child.wait()).exitCode, exitCode, kind)
    child.stdio[1].destroy()
  }
})

test("in Bun and Deno a 'pipe' is ERR_PROCNATIVE_RUNTIME, and nothing is started", {
  contract: 'P3',
  ...needs('Bun or Deno', !isNode),
}, () => {
  for (const stdio of [undefined, 'pipe', 'socket', [], ['ignore', 'ignore', 'ignore', 'pipe']]) {
    assert.equal(refusal('true', [], { stdio }).code, 'ERR_PROCNATIVE_RUNTIME')
  }
})

// ── Signals ──

const SIGNALS = ['SigBlk', 'SigIgn', 'SigCgt']
const none = SIGNALS.map((field) => `${field}:\t${'0'.repeat(16)}\n`)

test('signals that are blocked or ignored in the caller are not so in the child', { contract: 'P3' }, async () => {
  const call = ['cat', ['/proc/self/status'], { stdio: 'inherit' }]
  const script = scriptCommand(fixture('process/report-spawns.mjs'), JSON.stringify([call]))
  const { stdout, stderr } = await run(PYTHON, [fixture('block-signals.py'), process.execPath, ...script]).ended
  assert.deepEqual(stdout.match(/^Sig(Blk|Ign|Cgt):\t\w+\n/gm), none, stderr)
  assert.match(stdout, /"exitCode":0/)
})

test('the caller’s own signals are blocked, ignored and handled as before', { contract: 'P3' }, (t) => {
  const own = () => SIGNALS.map((field) => status('self', field))
  const before = own()
  assert.notEqual(before[2], '0'.repeat(16))
  sleeping(t, 'ignore')
  refusal('/no such', [], { stdio: 'ignore' })
  assert.deepEqual(own(), before)
})

test('spawn(): ends the child, closes its pipes if a socket fails', onlyNode, async (t) => {
  const { Socket } = net
  const made = []
  t.after(() => {
    net.Socket = Socket
  })
  net.Socket = class extends Socket {
    constructor(options) {
      if (made.length === 2) throw new Error('refused')
      super(options)
      made.push(this)
    }
  }
  // The harness finds a child or a descriptor that is left behind.
  assert.throws(() => spawn('sleep', ['1000']), { message: 'refused' })
  assert.equal(
    made.every(({ destroyed }) => destroyed),
    true,
  )
})

test('spawn(): the end of a worker closes no number of a closed pipe', onlyNode, async (t) => {
  const source = `
    const { once } = require('node:events')
    const { parentPort } = require('node:worker_threads')
    const { spawn } = require(${JSON.stringify(root)})
    const child = spawn('true', [])
    const numbers = child.stdio.map((pipe) => pipe._handle.fd)
    const closed = child.stdio.map((pipe) => once(pipe.destroy(), 'close'))
    Promise.all([child.wait(), ...closed]).then(() => parentPort.postMessage(numbers))
    parentPort.on('message', () => parentPort.close())`
  const worker = new Worker(source, { eval: true })
  const [numbers] = await once(worker, 'message')
  const files = []
  t.after(() => {
    for (const fd of files) fs.closeSync(fd)
  })
  while (!numbers.every((number) => files.includes(number)) && files.length < 100) files.push(fs.openSync(NULL))
  worker.postMessage('end')
  await once(worker, 'exit')
  const open = descriptors(process.pid)
  assert.deepEqual(
    numbers.map((number) => open[number]),
    [NULL, NULL, NULL],
  )
})
