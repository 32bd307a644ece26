// spawn() stdio 'pipe' and 'socket': streams of the Process, descriptors of the child, and failures.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { Worker } from 'node:worker_threads'
import { spawn } from '../../index.js'
import { started } from '../helpers/children.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { descriptors } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { fixture, root, runScript } from '../helpers/run.mjs'
import { refusal } from './helpers/refusals.mjs'
import { seenInChild, waitForSuccess } from './helpers/stdio.mjs'

const PYTHON = 'python3'
// Reads descriptor 4 to its end, and answers there in capitals.
const ANSWER = `
import socket
peer = socket.socket(fileno=4)
peer.sendall(peer.makefile('rb').read().upper())`

const NULL = '/dev/null'
const onlyNode = needs('Node.js', isNode)

/** Starts a child with pipes, which are closed at the end of the test. */
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
  ['with an empty list', []],
]) {
  test(`spawn() pipes: standard streams are one-way net.Sockets, ${what}`, { contract: 'P3', ...onlyNode }, (t) => {
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

test('Process stdio: has pipes at their indices, null for the rest', { contract: 'P3', ...onlyNode }, (t) => {
  const { stdio } = piped(t, 'sleep', ['1000'], ['ignore', 'pipe', 'inherit', 'ignore', 'pipe'])
  assert.deepEqual(
    stdio.map((socket) => socket instanceof net.Socket),
    [false, true, false, false, true],
  )
  assert.deepEqual([stdio[0], stdio[2], stdio[3]], [null, null, null])
  assert.ok(stdio[4].readable && stdio[4].writable && isCloseOnExec(stdio[4]))
  assert.deepEqual(started(t, 'true', [], { stdio: 'ignore' }).stdio, [null, null, null])
})

test('spawn() pipes: are pipe(7), sockets above 2, blocking in the child', {
  contract: 'P3',
  ...onlyNode,
}, async (t) => {
  const [fifo, socket] = ['fifo', 'socket'].map((kind) => ({ kind, nonBlocking: false }))
  assert.deepEqual(await seenInChild(t, Array(5).fill('pipe')), [fifo, fifo, fifo, socket, socket])
})

const megabytes = (count) => Buffer.alloc(count * 2 ** 20, Buffer.from(Array.from({ length: 251 }, (_, byte) => byte)))

test('spawn() pipes: carry megabytes both ways, and the end of input', { contract: 'P3', ...onlyNode }, async (t) => {
  const sent = megabytes(20)
  const child = piped(t, 'sh', ['-c', 'tee /dev/stderr'])
  const [stdin, stdout, stderr] = child.stdio
  stdin.end(sent)
  const received = await Promise.all([buffer(stdout), buffer(stderr)])
  assert.ok(received.every((one) => one.equals(sent)))
  await waitForSuccess(child)
})

test('spawn() pipes: the child reads on until the end of stdin', { contract: 'P3', ...onlyNode }, async (t) => {
  const child = piped(t, 'cat', [])
  for (const line of ['one\n', 'two\n']) {
    child.stdio[0].write(line)
    assert.equal(String(await once(child.stdio[1], 'data')), line)
  }
  child.stdio[0].end()
  await waitForSuccess(child)
})

test('spawn() pipes: output is readable after the end of the child', { contract: 'P3', ...onlyNode }, async (t) => {
  const child = piped(t, 'sh', ['-c', 'echo out; echo err >&2'])
  await waitForSuccess(child)
  assert.deepEqual(await Promise.all(child.stdio.slice(1).map((socket) => text(socket))), ['out\n', 'err\n'])
})

test('spawn() pipes: a pipe above 2 answers after its writing end', { contract: 'P3', ...onlyNode }, async (t) => {
  const sent = megabytes(4)
  const child = piped(t, PYTHON, ['-c', ANSWER], ['ignore', 'ignore', 'inherit', 'ignore', 'pipe'])
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
  await waitForSuccess(child)
})

test('spawn() pipes: a failed start leaves none', { contract: 'P2', ...onlyNode }, () => {
  for (let round = 0; round < 100; round++) {
    assert.equal(refusal('/no such', [], { stdio: Array(6).fill('pipe') }).code, 'ENOENT')
  }
})

for (const earlier of [1, 2, 5, 30, 1000]) {
  test(`spawn(): leaves nothing at the stack’s end, call ${earlier + 1}`, onlyNode, async () => {
    const { stdout, stderr, code } = await runScript(fixture('process/spawn-at-stack-end.mjs'), [earlier])
    assert.equal(code, 0, stderr)
    const { threw, returned, lost } = JSON.parse(stdout)
    assert.ok(threw > 0 && returned > 0, stdout)
    assert.equal(lost, 0)
  })
}

// ── Sockets ──

test("spawn() 'socket': keeps 200 KiB written before process.exit()", onlyNode, async (t) => {
  const script = 'process.stdout.write("x".repeat(200 * 1024)); process.exit(0)'
  for (let round = 0; round < repetitions(20); round++) {
    const child = started(t, process.execPath, ['-e', script], { stdio: ['ignore', 'socket', 'inherit'] })
    const text = await child.stdio[1].setEncoding('latin1').toArray()
    assert.equal(text.join('').length, 200 * 1024)
  }
})

test("spawn() 'socket': each descriptor goes both ways", onlyNode, async (t) => {
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

test("spawn() 'socket': the child can't open /dev/stdout, unlike with 'pipe'", onlyNode, async (t) => {
  for (const [kind, exitCode] of [
    ['pipe', 0],
    ['socket', 1],
  ]) {
    const child = started(t, 'sh', ['-c', '(: >/dev/stdout) || exit 1'], { stdio: ['ignore', kind, 'ignore'] })
    assert.equal((await child.wait()).exitCode, exitCode, kind)
    child.stdio[1].destroy()
  }
})

test('spawn() pipes: throws ERR_PROCNATIVE_RUNTIME in Bun and Deno', {
  contract: 'P3',
  ...needs('Bun or Deno', !isNode),
}, () => {
  for (const stdio of [undefined, 'pipe', 'socket', [], ['ignore', 'ignore', 'ignore', 'pipe']]) {
    assert.equal(refusal('true', [], { stdio }).code, 'ERR_PROCNATIVE_RUNTIME')
  }
})

test('spawn() pipes: a failed socket ends the child, closes the pipes', onlyNode, async (t) => {
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
  // The harness checks that neither a child nor a descriptor is left.
  assert.throws(() => spawn('sleep', ['1000']), { message: 'refused' })
  assert.equal(
    made.every(({ destroyed }) => destroyed),
    true,
  )
})

test('spawn() pipes: a worker’s end closes no reused number', onlyNode, async (t) => {
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
