// sendFds() and recvFds() on each type of Unix socket. Other programs as peers are in send-fds-peer.spec.mjs.
// runtimes: node, bun

import assert from 'node:assert/strict'
import { openFds, recvFds, sendFds } from '../../index.js'
import {
  AGAIN,
  closedNumber,
  files,
  flagsOf,
  inodeOf,
  isCloseOnExec,
  isEmpty,
  pair,
  received,
} from '../helpers/handles.mjs'
import { test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'

const TYPES = ['stream', 'seqpacket', 'dgram']
const MESSAGES = ['seqpacket', 'dgram']
const NOTHING = Buffer.alloc(0)
const byte = Buffer.from('.')

// ── Data and descriptors ──

for (const type of TYPES) {
  for (const count of [0, 1, 253]) {
    test(`recvFds(): receives data and ${count} descriptors in order, close-on-exec, ${type}`, {
      contract: 'H12',
    }, (t) => {
      const [a, b] = pair(t, type)
      const fds = files(t, count)
      assert.equal(sendFds(a, Buffer.from('some data'), fds), 9)
      const { data, handles, truncated, credentials } = received(t, b)
      assert.ok(Buffer.isBuffer(data))
      assert.deepEqual([data.toString(), truncated, credentials], ['some data', false, null])
      assert.deepEqual(
        handles.map(({ fd }) => inodeOf(fd)),
        fds.map(inodeOf),
      )
      assert.ok(handles.every(({ fd, name }) => isCloseOnExec(fd) && name === null && !fds.includes(fd)))
      isEmpty(b)
    })
  }

  test(`sendFds(): fails with EINVAL for 254 descriptors, sends nothing, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    const [fd] = files(t, 1)
    const tooMany = Array(254).fill(fd)
    assert.throws(() => sendFds(a, byte, tooMany), { name: 'Error', code: 'EINVAL', errno: -22, syscall: 'sendmsg' })
    isEmpty(b)
  })

  test(`sendFds(): fails with EBADF for a closed descriptor, sends nothing, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    const fds = [...files(t, 2), closedNumber()]
    assert.throws(() => sendFds(a, byte, fds), { name: 'Error', code: 'EBADF', errno: -9, syscall: 'sendmsg' })
    isEmpty(b)
  })

  test(`sendFds(), recvFds(): throw EAGAIN, leave O_NONBLOCK unchanged, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    const [fd] = files(t, 1)
    const before = [a, b].map((one) => flagsOf(one.fd))
    isEmpty(b)
    const full = Buffer.alloc(2 ** 14, 'x')
    let sent = 0
    const fill = (fds) => {
      for (;;) sent += sendFds(a, full, fds)
    }
    assert.throws(() => fill(), { ...AGAIN, syscall: 'sendmsg' })
    assert.throws(() => fill([fd]), { ...AGAIN, syscall: 'sendmsg' })
    assert.deepEqual(
      [a, b].map((one) => flagsOf(one.fd)),
      before,
    )
    // All bytes arrive, without descriptors: the refused calls sent nothing.
    while (sent > 0) {
      const { data, handles, truncated } = received(t, b)
      assert.deepEqual([handles.length, truncated], [0, false])
      sent -= data.length
    }
    assert.equal(sent, 0)
    isEmpty(b)
    assert.equal(sendFds(a, byte, [fd]), 1)
    assert.equal(received(t, b).handles.length, 1)
  })

  test(`recvFds(): closes descriptors beyond maxFds, tells truncation, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    const fds = files(t, 5)
    for (const [maxFds, truncated] of [
      [0, true],
      [1, true],
      [2, true],
      [3, true],
      [4, true],
      [5, false],
      [6, false],
      [253, false],
    ]) {
      const before = openFds()
      sendFds(a, byte, fds)
      const message = received(t, b, { maxFds })
      assert.deepEqual([message.data.toString(), message.truncated], ['.', truncated], `maxFds: ${maxFds}`)
      assert.deepEqual(
        message.handles.map(({ fd }) => inodeOf(fd)),
        fds.slice(0, maxFds).map(inodeOf),
      )
      for (const handle of message.handles) handle.close()
      assert.deepEqual(openFds(), before, `maxFds: ${maxFds}`)
    }
  })

  test(`recvFds(): returns data that no later call changes, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    sendFds(a, Buffer.from('first'))
    const { data } = recvFds(b)
    sendFds(a, Buffer.from('other'))
    assert.equal(recvFds(b).data.toString(), 'other')
    assert.equal(data.toString(), 'first')
  })

  test(`sendFds(): sends only the given part of a buffer, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    const whole = Uint8Array.from(Buffer.from('0123456789'))
    assert.equal(sendFds(a, whole.subarray(3, 7)), 4)
    assert.equal(recvFds(b).data.toString(), '3456')
  })

  test(`sendFds(), recvFds(): take the number of a socket, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    assert.equal(sendFds(a.fd, byte), 1)
    assert.equal(recvFds(b.fd).data.toString(), '.')
  })
}

// ── Streams ──

test('recvFds(): leaves data beyond maxLength for the next call, stream', { contract: 'H12' }, (t) => {
  const [a, b] = pair(t)
  sendFds(a, Buffer.from('0123456789'), files(t, 2))
  const parts = []
  for (const maxLength of [1, 4, 65_536]) {
    const { data, handles, truncated } = received(t, b, { maxLength })
    parts.push([data.toString(), handles.length, truncated])
  }
  assert.deepEqual(parts, [
    ['0', 2, false],
    ['1234', 0, false],
    ['56789', 0, false],
  ])
  isEmpty(b)
})

test('recvFds(): receives up to 65,536 bytes by default, stream', { contract: 'H12' }, (t) => {
  const [a, b] = pair(t)
  let sent = 0
  for (let i = 0; i < 3; i++) sent += sendFds(a, Buffer.alloc(30_000, 'x'))
  assert.equal(sent, 90_000)
  assert.equal(recvFds(b).data.length, 65_536)
  assert.equal(recvFds(b).data.length, 90_000 - 65_536)
})

test('sendFds(): sends what fits, returns its length, stream', { contract: 'H12' }, (t) => {
  const [a, b] = pair(t)
  const much = Buffer.from(Array.from({ length: 2 ** 21 }, (_, index) => index % 251))
  const sent = sendFds(a, much, files(t, 1))
  assert.ok(sent > 0 && sent < much.length, `${sent} bytes were sent`)
  const parts = []
  let handles = 0
  for (let left = sent; left > 0; left -= parts.at(-1).length) {
    const message = received(t, b)
    handles += message.handles.length
    parts.push(message.data)
  }
  assert.ok(Buffer.concat(parts).equals(much.subarray(0, sent)))
  assert.equal(handles, 1)
  isEmpty(b)
})

test('sendFds(): refuses descriptors without data, stream', { contract: 'H12' }, (t) => {
  const [a, b] = pair(t)
  const fds = files(t, 1)
  for (const socket of [a, a.fd]) {
    assert.throws(() => sendFds(socket, NOTHING, fds), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
  }
  isEmpty(b)
  // Empty data without descriptors is allowed.
  assert.equal(sendFds(a, NOTHING), 0)
  assert.equal(sendFds(a, NOTHING, []), 0)
  isEmpty(b)
})

// ── Messages ──

for (const type of MESSAGES) {
  test(`recvFds(): drops data beyond maxLength, tells truncation, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    const fds = files(t, 1)
    for (const [maxLength, text, truncated] of [
      [1, '0', true],
      [9, '012345678', true],
      [10, '0123456789', false],
      [11, '0123456789', false],
    ]) {
      sendFds(a, Buffer.from('0123456789'), fds)
      sendFds(a, Buffer.from('next'))
      const message = received(t, b, { maxLength })
      assert.deepEqual([message.data.toString(), message.truncated, message.handles.length], [text, truncated, 1])
      assert.equal(recvFds(b).data.toString(), 'next')
    }
  })

  test(`recvFds(): receives up to 65,536 bytes by default, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    for (const [length, truncated] of [
      [65_536, false],
      [65_537, true],
    ]) {
      assert.equal(sendFds(a, Buffer.alloc(length, 'x')), length)
      const message = recvFds(b)
      assert.deepEqual([message.data.length, message.truncated], [65_536, truncated])
    }
  })

  test(`recvFds(): keeps the bounds and descriptors of messages, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    const [one, two] = files(t, 2)
    const messages = [
      ['first', [one]],
      ['', [two]],
      ['third', []],
      ['fourth', [two, one]],
    ]
    for (const [text, fds] of messages) assert.equal(sendFds(a, Buffer.from(text), fds), text.length)
    for (const [text, fds] of messages) {
      const { data, handles } = received(t, b)
      assert.deepEqual([data.toString(), handles.map(({ fd }) => inodeOf(fd))], [text, fds.map(inodeOf)])
    }
    isEmpty(b)
  })

  test(`recvFds(): returns an empty message, not the end, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    const fds = files(t, 1)
    for (const count of [0, 1]) {
      assert.equal(sendFds(a, NOTHING, fds.slice(0, count)), 0)
      const message = received(t, b)
      assert.notEqual(message, null)
      assert.deepEqual([message.data.length, message.handles.length, message.truncated], [0, count, false])
    }
    sendFds(a, byte)
    assert.equal(recvFds(b).data.toString(), '.')
  })

  test(`sendFds(): fails with EMSGSIZE for a too long message, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    const much = Buffer.alloc(2 ** 22)
    assert.throws(() => sendFds(a, much, files(t, 1)), { name: 'Error', code: 'EMSGSIZE', syscall: 'sendmsg' })
    isEmpty(b)
  })
}

// ── The end ──

for (const type of ['stream', 'seqpacket']) {
  test(`recvFds(): returns null at the end, on each call, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    sendFds(a, Buffer.from('last words'), files(t, 1))
    a.close()
    const { data, handles } = received(t, b)
    assert.deepEqual([data.toString(), handles.length], ['last words', 1])
    for (let i = 0; i < 3; i++) assert.equal(recvFds(b), null)
  })

  test(`recvFds(): fails once with ECONNRESET if the peer left data, ${type}`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    sendFds(a, byte, files(t, 1))
    b.close()
    assert.throws(() => recvFds(a), { name: 'Error', code: 'ECONNRESET', errno: -104, syscall: 'recvmsg' })
    assert.equal(recvFds(a), null)
  })
}

test('recvFds(): returns an empty message with descriptors before the end, seqpacket', { contract: 'H12' }, (t) => {
  const [a, b] = pair(t, 'seqpacket')
  sendFds(a, NOTHING, files(t, 1))
  a.close()
  assert.equal(received(t, b).handles.length, 1)
  assert.equal(recvFds(b), null)
})

test('recvFds(): returns empty messages before the last one, peer gone, seqpacket', { contract: 'H12' }, (t) => {
  const [a, b] = pair(t, 'seqpacket')
  for (const text of ['first', '', '', 'last']) sendFds(a, Buffer.from(text))
  a.close()
  const texts = []
  for (let message = recvFds(b); message !== null; message = recvFds(b)) texts.push(message.data.toString())
  assert.deepEqual(texts, ['first', '', '', 'last'])
})

test('recvFds(): fails with EAGAIN, sendFds() with ECONNREFUSED, peer gone, dgram', { contract: 'H12' }, (t) => {
  const [a, b] = pair(t, 'dgram')
  a.close()
  isEmpty(b)
  assert.throws(() => sendFds(b, byte), { code: 'ECONNREFUSED', syscall: 'sendmsg' })
})

test('sendFds(): fails with EPIPE without SIGPIPE', { contract: 'H12' }, async () => {
  const { code, signal, stdout, stderr } = await runScript(fixture('socket/send-to-closed.mjs'))
  assert.deepEqual([code, signal, stderr], [0, null, ''])
  const [told] = reports(stdout)
  assert.deepEqual(told.codes, ['EPIPE', 'EPIPE', 'EPIPE', 'EPIPE'])
  assert.deepEqual(told.signals, ['SIGUSR2'])
})
