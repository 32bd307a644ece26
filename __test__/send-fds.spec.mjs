// H12: sendFds() and recvFds(), one sendmsg(2) and one recvmsg(2). What other programs send is in send-fds-peer.spec.mjs.

import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { listenUnix, openFds, recvFds, sendFds } from '../index.js'
import { adopted } from './helpers/adopted.mjs'
import { close, closedNumber, flagsOf, inodeOf, isCloseOnExec, made, pair, received } from './helpers/handles.mjs'
import { hasProgram, isNode, needs, temporary, test } from './helpers/harness.mjs'
import { reports } from './helpers/report.mjs'
import { fixture, run, runScript, scriptCommand } from './helpers/run.mjs'

const NODE = needs('Node.js', isNode)
const TYPES = ['stream', 'seqpacket', 'dgram']
const MESSAGES = ['seqpacket', 'dgram']
const AGAIN = { name: 'Error', code: 'EAGAIN', errno: -11 }
const NOTHING = Buffer.alloc(0)
const byte = Buffer.from('.')

/** Files of the test's own, each with an inode of its own. */
function files(context, count) {
  const directory = temporary(context)
  const fds = Array.from({ length: count }, (_, index) => fs.openSync(path.join(directory, String(index)), 'w+'))
  context.after(() => fds.map((fd) => fs.closeSync(fd)))
  return fds
}

const isEmpty = (socket) => assert.throws(() => recvFds(socket), { ...AGAIN, syscall: 'recvmsg' })

// ── Data and descriptors ──

for (const type of TYPES) {
  for (const count of [0, 1, 253]) {
    test(`H12: ${type}: data and ${count} descriptors arrive, in order, close-on-exec, and are the same`, (t) => {
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

  test(`H12: ${type}: 254 are EINVAL, as of the kernel, and nothing is sent`, (t) => {
    const [a, b] = pair(t, type)
    const [fd] = files(t, 1)
    const tooMany = Array(254).fill(fd)
    assert.throws(() => sendFds(a, byte, tooMany), { name: 'Error', code: 'EINVAL', errno: -22, syscall: 'sendmsg' })
    isEmpty(b)
  })

  test(`H12: ${type}: a descriptor that is closed is EBADF, and nothing is sent, of the others neither`, (t) => {
    const [a, b] = pair(t, type)
    const fds = [...files(t, 2), closedNumber()]
    assert.throws(() => sendFds(a, byte, fds), { name: 'Error', code: 'EBADF', errno: -9, syscall: 'sendmsg' })
    isEmpty(b)
  })

  test(`H12: ${type}: EAGAIN is thrown as such, both ways, and O_NONBLOCK stays as it is`, (t) => {
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

  test(`H12: ${type}: of more descriptors than maxFds the others are closed, and \`truncated\` says so`, (t) => {
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

  test(`H12: ${type}: of what was received, none changes with what is received later`, (t) => {
    const [a, b] = pair(t, type)
    sendFds(a, Buffer.from('first'))
    const { data } = recvFds(b)
    sendFds(a, Buffer.from('other'))
    assert.equal(recvFds(b).data.toString(), 'other')
    assert.equal(data.toString(), 'first')
  })

  test(`H12: ${type}: a part of a buffer is sent, and not what is around it`, (t) => {
    const [a, b] = pair(t, type)
    const whole = Uint8Array.from(Buffer.from('0123456789'))
    assert.equal(sendFds(a, whole.subarray(3, 7)), 4)
    assert.equal(recvFds(b).data.toString(), '3456')
  })

  test(`H12: ${type}: a socket is named by its number, too`, (t) => {
    const [a, b] = pair(t, type)
    assert.equal(sendFds(a.fd, byte), 1)
    assert.equal(recvFds(b.fd).data.toString(), '.')
  })
}

// ── Streams ──

test('H12: stream: of more than maxLength the rest remains; descriptors come with their first byte', (t) => {
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

test('H12: stream: unless said otherwise 65,536 bytes are received at most', (t) => {
  const [a, b] = pair(t)
  let sent = 0
  for (let i = 0; i < 3; i++) sent += sendFds(a, Buffer.alloc(30_000, 'x'))
  assert.equal(sent, 90_000)
  assert.equal(recvFds(b).data.length, 65_536)
  assert.equal(recvFds(b).data.length, 90_000 - 65_536)
})

test('H12: stream: what there is room for is sent, and its number returned; descriptors go with the first byte', (t) => {
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

test('H12: stream: no bytes with descriptors are refused before anything is sent: the kernel would drop them', (t) => {
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
  test(`H12: ${type}: of a message longer than maxLength the rest is lost, and \`truncated\` says so`, (t) => {
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

  test(`H12: ${type}: unless said otherwise 65,536 bytes are received at most`, (t) => {
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

  test(`H12: ${type}: messages keep their bounds and their descriptors`, (t) => {
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

  test(`H12: ${type}: no bytes, with descriptors or without, are a message and not the end`, (t) => {
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

  test(`H12: ${type}: a message that there is no room for at all is EMSGSIZE`, (t) => {
    const [a, b] = pair(t, type)
    const much = Buffer.alloc(2 ** 22)
    assert.throws(() => sendFds(a, much, files(t, 1)), { name: 'Error', code: 'EMSGSIZE', syscall: 'sendmsg' })
    isEmpty(b)
  })
}

// ── The end ──

for (const type of ['stream', 'seqpacket']) {
  test(`H12: ${type}: at the end comes null, as often as one asks, and all that was sent before it`, (t) => {
    const [a, b] = pair(t, type)
    sendFds(a, Buffer.from('last words'), files(t, 1))
    a.close()
    const { data, handles } = received(t, b)
    assert.deepEqual([data.toString(), handles.length], ['last words', 1])
    for (let i = 0; i < 3; i++) assert.equal(recvFds(b), null)
  })

  test(`H12: ${type}: of who goes without reading, the other hears ECONNRESET, and then the end`, (t) => {
    const [a, b] = pair(t, type)
    sendFds(a, byte, files(t, 1))
    b.close()
    assert.throws(() => recvFds(a), { name: 'Error', code: 'ECONNRESET', errno: -104, syscall: 'recvmsg' })
    assert.equal(recvFds(a), null)
  })
}

test('H12: seqpacket: no bytes with descriptors are a message also where the end comes after it', (t) => {
  const [a, b] = pair(t, 'seqpacket')
  sendFds(a, NOTHING, files(t, 1))
  a.close()
  assert.equal(received(t, b).handles.length, 1)
  assert.equal(recvFds(b), null)
})

test('H12: seqpacket: no bytes are not the end where more comes after them, though the other has gone', (t) => {
  const [a, b] = pair(t, 'seqpacket')
  for (const text of ['first', '', '', 'last']) sendFds(a, Buffer.from(text))
  a.close()
  const texts = []
  for (let message = recvFds(b); message !== null; message = recvFds(b)) texts.push(message.data.toString())
  assert.deepEqual(texts, ['first', '', '', 'last'])
})

test('H12: dgram: there is no end: EAGAIN to who receives, ECONNREFUSED to who sends', (t) => {
  const [a, b] = pair(t, 'dgram')
  a.close()
  isEmpty(b)
  assert.throws(() => sendFds(b, byte), { code: 'ECONNREFUSED', syscall: 'sendmsg' })
})

test('H12: EPIPE comes without SIGPIPE', async () => {
  const { code, signal, stdout, stderr } = await runScript(fixture('send-fds-broken.mjs'))
  assert.deepEqual([code, signal, stderr], [0, null, ''])
  const [told] = reports(stdout)
  assert.deepEqual(told.codes, ['EPIPE', 'EPIPE', 'EPIPE', 'EPIPE'])
  assert.deepEqual(told.signals, ['SIGUSR2'])
})

// ── What is no socket, or not connected ──

test('H12: a socket that is closed is EBADF, and what is none is ENOTSOCK', (t) => {
  const [file, closed] = [...files(t, 1), closedNumber()]
  for (const [fd, code] of [
    [closed, 'EBADF'],
    [2 ** 31 - 1, 'EBADF'],
    [file, 'ENOTSOCK'],
  ]) {
    assert.throws(() => sendFds(fd, byte, [file]), { name: 'Error', code, syscall: 'sendmsg' })
    assert.throws(() => recvFds(fd), { name: 'Error', code, syscall: 'recvmsg' })
    // For nothing with descriptors one looks what it is.
    assert.throws(() => sendFds(fd, NOTHING, [file]), { name: 'Error', code })
  }
})

test('H12: a handle that is closed or taken is refused, as the socket and among the descriptors', (t) => {
  const [a, b] = pair(t)
  const CLOSED = { code: 'ERR_PROCNATIVE_HANDLE_CLOSED' }
  const [closed, taken] = pair(t)
  closed.close()
  const fd = taken.take()
  t.after(() => close(fd))
  for (const handle of [closed, taken]) {
    assert.throws(() => sendFds(handle, byte), CLOSED)
    assert.throws(() => recvFds(handle), CLOSED)
    assert.throws(() => sendFds(a, byte, [0, handle]), CLOSED)
  }
  isEmpty(b)
})

test('H12: one that is not connected is ENOTCONN', (t) => {
  for (const name of ['unix-stream', 'unix-seqpacket', 'unix-dgram']) {
    const [alone] = made(t, name)
    assert.throws(() => sendFds(alone, byte, [alone]), { code: 'ENOTCONN', syscall: 'sendmsg' })
  }
})

test('H12: at least one byte is asked for, and no fewer than no descriptors', (t) => {
  const [, b] = pair(t)
  for (const options of [{ maxLength: 0 }, { maxLength: -1 }, { maxFds: -1 }]) {
    assert.throws(() => recvFds(b, options), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
  }
})

// ── What has a descriptor ──

test('H12: a handle, a number, what has an fd, and files of Node’s are sent, and stay their owner’s', async (t) => {
  const [a, b] = pair(t)
  const [fd] = files(t, 1)
  const [handle] = pair(t)
  const file = await fs.promises.open('/dev/zero')
  t.after(() => file.close())
  sendFds(a, byte, [fd, handle, file, { fd }])
  assert.deepEqual(
    received(t, b).handles.map((one) => inodeOf(one.fd)),
    [fd, handle.fd, file.fd, fd].map(inodeOf),
  )
})

test('H12: so are servers, connections and datagram sockets', NODE, async (t) => {
  const [a, b] = pair(t)
  const server = net.createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const socket = net.connect(server.address().port)
  t.after(() => socket.destroy())
  const [accepted] = await once(server, 'connection')
  t.after(() => accepted.destroy())
  const datagrams = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  t.after(() => datagrams.close())
  await once(datagrams, 'listening')
  sendFds(a, byte, [server, socket, accepted, datagrams])
  const { handles } = received(t, b)
  assert.deepEqual(
    handles.map(({ kind }) => kind),
    ['tcp-server', 'tcp-socket', 'tcp-socket', 'udp'],
  )
  assert.deepEqual(
    handles.slice(0, 3).map(({ fd }) => inodeOf(fd)),
    [server, socket, accepted].map((one) => inodeOf(one._handle.fd)),
  )
  // They are Node's as before.
  socket.end('still here')
  assert.deepEqual((await accepted.setEncoding('utf8').toArray()).join(''), 'still here')
})

test('H12: what has none is refused before anything is sent', async (t) => {
  const [a, b] = pair(t)
  const file = await fs.promises.open('/dev/zero')
  await file.close()
  for (const one of [net.createServer(), new net.Socket(), file]) {
    assert.throws(() => sendFds(a, byte, [0, one]), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
  }
  isEmpty(b)
})

test(
  'H4: nor is anything sent of a socket that has been read from here, or has something left to write',
  NODE,
  async (t) => {
    const [a, b] = pair(t)
    const [one, other] = made(t, 'tcp4')
      .slice(1)
      .map((handle) => adopted(t, handle))
    one.write('read there, and not taken')
    await once(other, 'readable')
    one.cork()
    one.write('not written yet')
    for (const socket of [one, other]) {
      assert.throws(() => sendFds(a, byte, [0, socket]), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
    }
    isEmpty(b)
    // Once it is taken and written, they can be sent.
    assert.equal(other.read().toString(), 'read there, and not taken')
    one.uncork()
    await once(other, 'readable')
    other.read()
    sendFds(a, byte, [one, other])
    assert.equal(received(t, b).handles.length, 2)
  },
)

test(
  'H9: nor a Unix server of Node’s, whose file its close() removes; one that adopted the socket is sent',
  NODE,
  async (t) => {
    const [a, b] = pair(t)
    const directory = temporary(t)
    const server = net.createServer().listen(path.join(directory, 'bound'))
    t.after(() => server.close())
    await once(server, 'listening')
    assert.throws(() => sendFds(a, byte, [server]), { code: 'ERR_PROCNATIVE_UNIX_SERVER', message: /listenUnix/ })
    isEmpty(b)
    sendFds(a, byte, [adopted(t, listenUnix(path.join(directory, 'socket')))])
    assert.equal(received(t, b).handles[0].kind, 'unix-server')
  },
)

// ── Limits ──

for (const type of TYPES) {
  test(`H12: ${type}: what this process has no descriptors left for is closed, and \`truncated\` says so`, async () => {
    const program = [process.execPath, ...scriptCommand(fixture('send-fds-limit.mjs'), type)]
    const { code, stdout, stderr } = await run('sh', ['-c', 'ulimit -n 64; exec "$@"', 'sh', ...program]).ended
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(
      reports(stdout),
      [0, 1, 2, 3, 4, 5, 6].map((free) => ({
        data: 'five',
        free,
        handles: Math.min(free, 5),
        truncated: free < 5,
        left: 0,
      })),
    )
  })
}

// ── The calls ──

test(
  'H12: one sendmsg and one recvmsg, which never wait, raise no signal and peek at nothing',
  needs('strace', hasProgram('strace')),
  async (t) => {
    const trace = path.join(temporary(t), 'trace')
    const traced = [
      '-f',
      '-o',
      trace,
      '-e',
      'trace=socketpair,sendmsg,recvmsg,sendto,recvfrom,fcntl,getsockopt,setsockopt',
    ]
    const args = [...traced, process.execPath, ...scriptCommand(fixture('send-fds-once.mjs'))]
    const { code, stdout, stderr } = await run('strace', args).ended
    assert.equal(code, 0, stderr)
    const [{ sender, receiver }] = reports(stdout)
    const all = fs.readFileSync(trace, 'utf8').split('\n')
    const calls = all.slice(all.findLastIndex((line) => line.includes('socketpair(')))
    const of = (fd) => calls.filter((line) => new RegExp(`^\\d+ +\\w+\\(${fd},`).test(line))
    const [sent, ...moreSent] = of(sender)
    assert.match(sent, /sendmsg\(.*, MSG_DONTWAIT\|MSG_NOSIGNAL\) = 4$/)
    const [got, ...moreGot] = of(receiver)
    assert.match(got, /recvmsg\(.*, MSG_DONTWAIT\|MSG_CMSG_CLOEXEC\) = 4$/)
    assert.deepEqual([...moreSent, ...moreGot], [])
  },
)
