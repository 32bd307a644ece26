// H12: sendFds() and recvFds(), one sendmsg(2) and one recvmsg(2). What other programs send is in send-fds-peer.spec.mjs.
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
    test(`${type}: data and ${count} descriptors arrive, in order, close-on-exec, and are the same`, {
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

  test(`${type}: 254 are EINVAL, as of the kernel, and nothing is sent`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    const [fd] = files(t, 1)
    const tooMany = Array(254).fill(fd)
    assert.throws(() => sendFds(a, byte, tooMany), { name: 'Error', code: 'EINVAL', errno: -22, syscall: 'sendmsg' })
    isEmpty(b)
  })

  test(`${type}: a descriptor that is closed is EBADF, and nothing is sent, of the others neither`, {
    contract: 'H12',
  }, (t) => {
    const [a, b] = pair(t, type)
    const fds = [...files(t, 2), closedNumber()]
    assert.throws(() => sendFds(a, byte, fds), { name: 'Error', code: 'EBADF', errno: -9, syscall: 'sendmsg' })
    isEmpty(b)
  })

  test(`${type}: EAGAIN is thrown as such, both ways, and O_NONBLOCK stays as it is`, { contract: 'H12' }, (t) => {
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
    // All of it arrives, and no descriptor: what was refused was not sent.
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

  test(`${type}: of more descriptors than maxFds the others are closed, and \`truncated\` says so`, {
    contract: 'H12',
  }, (t) => {
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

  test(`${type}: of what was received, none changes with what is received later`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    sendFds(a, Buffer.from('first'))
    const { data } = recvFds(b)
    sendFds(a, Buffer.from('other'))
    assert.equal(recvFds(b).data.toString(), 'other')
    assert.equal(data.toString(), 'first')
  })

  test(`${type}: a part of a buffer is sent, and not what is around it`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    const whole = Uint8Array.from(Buffer.from('0123456789'))
    assert.equal(sendFds(a, whole.subarray(3, 7)), 4)
    assert.equal(recvFds(b).data.toString(), '3456')
  })

  test(`${type}: a socket is named by its number, too`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    assert.equal(sendFds(a.fd, byte), 1)
    assert.equal(recvFds(b.fd).data.toString(), '.')
  })
}

// ── Streams ──

test('stream: of more than maxLength the rest remains; descriptors come with their first byte', {
  contract: 'H12',
}, (t) => {
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

test('stream: unless said otherwise 65,536 bytes are received at most', { contract: 'H12' }, (t) => {
  const [a, b] = pair(t)
  let sent = 0
  for (let i = 0; i < 3; i++) sent += sendFds(a, Buffer.alloc(30_000, 'x'))
  assert.equal(sent, 90_000)
  assert.equal(recvFds(b).data.length, 65_536)
  assert.equal(recvFds(b).data.length, 90_000 - 65_536)
})

test('stream: what there is room for is sent, and its number returned; descriptors go with the first byte', {
  contract: 'H12',
}, (t) => {
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

test('stream: no bytes with descriptors are refused before anything is sent: the kernel would drop them', {
  contract: 'H12',
}, (t) => {
  const [a, b] = pair(t)
  const fds = files(t, 1)
  for (const socket of [a, a.fd]) {
    assert.throws(() => sendFds(socket, NOTHING, fds), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
  }
  isEmpty(b)
  // Without descriptors they are nothing, which can be sent.
  assert.equal(sendFds(a, NOTHING), 0)
  assert.equal(sendFds(a, NOTHING, []), 0)
  isEmpty(b)
})

// ── Messages ──

for (const type of MESSAGES) {
  test(`${type}: of a message longer than maxLength the rest is lost, and \`truncated\` says so`, {
    contract: 'H12',
  }, (t) => {
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

  test(`${type}: unless said otherwise 65,536 bytes are received at most`, { contract: 'H12' }, (t) => {
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

  test(`${type}: messages keep their bounds and their descriptors`, { contract: 'H12' }, (t) => {
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

  test(`${type}: no bytes, with descriptors or without, are a message and not the end`, { contract: 'H12' }, (t) => {
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

  test(`${type}: a message that there is no room for at all is EMSGSIZE`, { contract: 'H12' }, (t) => {
    const [a, b] = pair(t, type)
    const much = Buffer.alloc(2 ** 22)
    assert.throws(() => sendFds(a, much, files(t, 1)), { name: 'Error', code: 'EMSGSIZE', syscall: 'sendmsg' })
    isEmpty(b)
  })
}

// ── The end ──

for (const type of ['stream', 'seqpacket']) {
  test(`${type}: at the end comes null, as often as one asks, and all that was sent before it`, {
    contract: 'H12',
  }, (t) => {
    const [a, b] = pair(t, type)
    sendFds(a, Buffer.from('last words'), files(t, 1))
    a.close()
    const { data, handles } = received(t, b)
    assert.deepEqual([data.toString(), handles.length], ['last words', 1])
    for (let i = 0; i < 3; i++) assert.equal(recvFds(b), null)
  })

  test(`${type}: of who goes without reading, the other hears ECONNRESET, and then the end`, {
    contract: 'H12',
  }, (t) => {
    const [a, b] = pair(t, type)
    sendFds(a, byte, files(t, 1))
    b.close()
    assert.throws(() => recvFds(a), { name: 'Error', code: 'ECONNRESET', errno: -104, syscall: 'recvmsg' })
    assert.equal(recvFds(a), null)
  })
}

test('seqpacket: no bytes with descriptors are a message also where the end comes after it', {
  contract: 'H12',
}, (t) => {
  const [a, b] = pair(t, 'seqpacket')
  sendFds(a, NOTHING, files(t, 1))
  a.close()
  assert.equal(received(t, b).handles.length, 1)
  assert.equal(recvFds(b), null)
})

test('seqpacket: no bytes are not the end where more comes after them, though the other has gone', {
  contract: 'H12',
}, (t) => {
  const [a, b] = pair(t, 'seqpacket')
  for (const text of ['first', '', '', 'last']) sendFds(a, Buffer.from(text))
  a.close()
  const texts = []
  for (let message = recvFds(b); message !== null; message = recvFds(b)) texts.push(message.data.toString())
  assert.deepEqual(texts, ['first', '', '', 'last'])
})

test('dgram: there is no end: EAGAIN to who receives, ECONNREFUSED to who sends', { contract: 'H12' }, (t) => {
  const [a, b] = pair(t, 'dgram')
  a.close()
  isEmpty(b)
  assert.throws(() => sendFds(b, byte), { code: 'ECONNREFUSED', syscall: 'sendmsg' })
})

test('EPIPE comes without SIGPIPE', { contract: 'H12' }, async () => {
  const { code, signal, stdout, stderr } = await runScript(fixture('socket/send-fds-broken.mjs'))
  assert.deepEqual([code, signal, stderr], [0, null, ''])
  const [told] = reports(stdout)
  assert.deepEqual(told.codes, ['EPIPE', 'EPIPE', 'EPIPE', 'EPIPE'])
  assert.deepEqual(told.signals, ['SIGUSR2'])
})
