// Handle: its kind, and the ownership of its descriptor. adopt() is in adopt.spec.mjs, and garbage collection is in
// handle-collected.spec.mjs.
// runtimes: node, bun

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { dup2, Handle, listenUnix, recvFds, sendFds } from '../../index.js'
import {
  close,
  flagsOf,
  handleOf,
  inodeOf,
  isCloseOnExec,
  isOpen,
  made,
  opened,
  pair,
  positionOf,
} from '../helpers/handles.mjs'
import { isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { root } from '../helpers/run.mjs'

const CLOSED = { name: 'Error', code: 'ERR_PROCNATIVE_HANDLE_CLOSED' }

// ── Kinds ──

const kinds = (handles) => handles.map(({ kind }) => kind)

/** The names of fixtures/send-opened.py, and the kinds of their descriptors. */
const MADE = {
  tcp4: ['tcp-server', 'tcp-socket', 'tcp-socket'],
  tcp6: ['tcp-server', 'tcp-socket', 'tcp-socket'],
  'tcp, unconnected': ['tcp-socket', 'tcp-socket'],
  unix: ['unix-server', 'unix-socket', 'unix-socket'],
  'unix-stream': ['unix-socket', 'unix-server', 'unix-socket', 'unix-socket'],
  'unix-seqpacket': Array(4).fill('unix-seqpacket'),
  'unix-dgram': Array(4).fill('unix-dgram'),
  udp4: Array(4).fill('udp'),
  udp6: Array(4).fill('udp'),
  'udp, unbound': ['udp', 'udp'],
  pipe: ['pipe', 'pipe'],
  fifo: ['pipe', 'pipe', 'pipe'],
  terminal: ['tty', 'tty', 'tty', 'tty'],
  epoll: ['other'],
  eventfd: ['other'],
  pidfd: ['other'],
  netlink: ['other'],
}

for (const [name, expected] of Object.entries(MADE)) {
  test(`Handle kind: tells the kind of '${name}', changes nothing`, { contract: 'H8' }, (t) => {
    const handles = made(t, name)
    const state = () => handles.map(({ fd }) => [fd, flagsOf(fd), positionOf(fd), inodeOf(fd)])
    const before = state()
    assert.deepEqual(kinds(handles), expected)
    assert.deepEqual(kinds(handles), expected)
    assert.deepEqual(state(), before)
  })
}

test("Handle kind: is 'other' for a raw socket", { contract: 'H8', ...needs('root', isRoot) }, (t) => {
  assert.deepEqual(kinds(made(t, 'raw')), ['other'])
})

test('Handle kind: tells files, directories and character devices', { contract: 'H8' }, (t) => {
  const directory = temporary(t)
  const file = path.join(directory, 'file')
  for (const [where, flags, kind] of [
    [file, 'w+', 'file'],
    [file, 'r', 'file'],
    [file, 'a', 'file'],
    ['/proc/self/status', 'r', 'file'],
    [directory, 'r', 'directory'],
    ['/proc/self/fd', 'r', 'directory'],
    ['/dev/null', 'r+', 'character-device'],
    ['/dev/null', 'w', 'character-device'],
    ['/dev/zero', 'r', 'character-device'],
  ]) {
    assert.equal(opened(t, where, flags).kind, kind, `${where} ${flags}`)
  }
})

const isReadable = (file) => {
  try {
    fs.closeSync(fs.openSync(file, 'r'))
    return true
  } catch {
    return false
  }
}
const block = fs
  .readdirSync('/dev', { withFileTypes: true })
  .filter((entry) => entry.isBlockDevice())
  .map(({ name }) => `/dev/${name}`)
  .find(isReadable)

test('Handle kind: tells block devices', {
  contract: 'H8',
  ...needs('a block device that can be opened', block),
}, (t) => {
  assert.equal(opened(t, block).kind, 'block-device')
})

test('Handle kind: takes no unread data', { contract: 'H8' }, (t) => {
  for (const type of ['stream', 'seqpacket', 'dgram']) {
    const [a, b] = pair(t, type)
    sendFds(a, Buffer.from('waiting'), [a])
    for (let i = 0; i < 3; i++) assert.ok(b.kind)
    const { data, handles } = recvFds(b)
    for (const handle of handles) handle.close()
    assert.deepEqual([data.toString(), handles.length], ['waiting', 1])
  }
})

test('Handle kind: asks the kernel each time', { contract: 'H8' }, (t) => {
  const [handle] = pair(t)
  assert.equal(handle.kind, 'unix-socket')
  dup2(made(t, 'pipe')[0].fd, handle.fd)
  assert.equal(handle.kind, 'pipe')
})

// ── Ownership ──

test('Handle: has no public constructor', { contract: 'H5' }, () => {
  assert.throws(() => new Handle(), { name: 'TypeError', code: 'ERR_ILLEGAL_CONSTRUCTOR' })
  assert.throws(() => new Handle(0), { name: 'TypeError', code: 'ERR_ILLEGAL_CONSTRUCTOR' })
})

test('Handle name: is null without a name, also after close()', { contract: 'H5' }, (t) => {
  const [handle] = pair(t)
  assert.equal(handle.name, null)
  handle.close()
  assert.equal(handle.name, null)
})

test('Handle fd: is the same number each time, close-on-exec', { contract: 'H5' }, (t) => {
  for (const handle of [
    ...pair(t),
    ...made(t, 'pipe'),
    handleOf(t, 0),
    listenUnix(`@procnative-handle-${process.pid}`),
  ]) {
    t.after(() => handle.close())
    const { fd } = handle
    assert.ok(Number.isInteger(fd) && fd > 2)
    assert.equal(handle.fd, fd)
    assert.ok(isCloseOnExec(fd))
  }
})

const ENDS = {
  'close()': (handle) => handle.close(),
  'Symbol.dispose': (handle) => handle[Symbol.dispose](),
}
for (const [how, end] of Object.entries(ENDS)) {
  test(`Handle ${how}: closes the descriptor once`, { contract: 'H5' }, (t) => {
    const [handle, other] = pair(t)
    const { fd } = handle
    const zero = fs.openSync('/dev/zero')
    assert.equal(end(handle), undefined)
    assert.equal(isOpen(fd), false)
    assert.equal(recvFds(other), null)
    // The new owner of the number keeps it.
    dup2(zero, fd)
    t.after(() => {
      for (const one of [zero, fd]) fs.closeSync(one)
    })
    end(handle)
    handle.close()
    handle[Symbol.dispose]()
    assert.equal(fs.readlinkSync(`/proc/self/fd/${fd}`), '/dev/zero')
  })
}

test('Handle take(): gives the descriptor away, close() no longer closes it', { contract: 'H5' }, (t) => {
  const [handle] = pair(t)
  const { fd } = handle
  const inode = inodeOf(fd)
  assert.equal(handle.take(), fd)
  handle.close()
  handle[Symbol.dispose]()
  assert.equal(inodeOf(fd), inode)
  close(fd)
})

const USES = {
  fd: (handle) => handle.fd,
  kind: (handle) => handle.kind,
  'adopt()': (handle) => handle.adopt(),
  'take()': (handle) => handle.take(),
}
for (const [use, attempt] of Object.entries(USES)) {
  test(`Handle ${use}: fails with ERR_PROCNATIVE_HANDLE_CLOSED after close(), Symbol.dispose, take()`, {
    contract: 'H5',
  }, (t) => {
    const [one, two, three] = made(t, 'tcp4')
    one.close()
    two[Symbol.dispose]()
    const fd = three.take()
    for (const handle of [one, two, three]) assert.throws(() => attempt(handle), CLOSED)
    assert.ok(isOpen(fd))
    close(fd)
  })
}

// ── Worker threads ──

const ENDINGS = { ends: () => {}, 'is terminated': (worker) => worker.terminate() }
for (const [how, end] of Object.entries(ENDINGS)) {
  test(`Handle: closes when its worker ${how}, except after take()`, { contract: 'H5' }, async (t) => {
    const script = `
      const { listenUnix, recvFds, sendFds, socketpair } = require(${JSON.stringify(`${root}index.js`)})
      const [a, b] = socketpair()
      sendFds(a, Buffer.from('.'), [a, b])
      const { handles } = recvFds(b)
      // Keeps the handles from being collected.
      globalThis.kept = [a, b, handles[0], listenUnix('@procnative-worker-' + process.pid)]
      const { parentPort } = require('node:worker_threads')
      parentPort.once('message', () => {})
      parentPort.postMessage({ kept: globalThis.kept.map(({ fd }) => fd), taken: handles[1].take() })
    `
    const worker = new Worker(script, { eval: true })
    const [{ kept, taken }] = await once(worker, 'message')
    t.after(() => close(taken))
    assert.deepEqual([...kept, taken].map(isOpen), Array(5).fill(true))
    const exit = once(worker, 'exit')
    end(worker)
    worker.postMessage('enough')
    await exit
    assert.deepEqual([...kept, taken].map(isOpen), [false, false, false, false, true])
  })
}
