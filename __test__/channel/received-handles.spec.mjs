// Handles that arrive with the messages of a channel.
// runtimes: node, bun

import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { channel, Handle, listenUnix, socketpair } from '../../index.js'
import { files, identities, identity, messages, openCount, pair, program } from '../helpers/channels.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { fixture } from '../helpers/run.mjs'
import { PYTHON } from '../helpers/spawned.mjs'

const onlyNode = needs('Node.js, whose sockets have descriptors', isNode)

for (const count of [0, 1, 2, 252, 253, 254, 506, 507, 1000, 1024]) {
  test(`Channel 'message': receives ${count} handles with their message, in order`, { contract: 'H1' }, async (t) => {
    const [one, other] = pair(t)
    const all = files(t, count)
    const sent = [one.send('before'), one.send('with', all), one.send('after', all.slice(0, 2)), one.send('last')]
    const [before, found, after, last] = await messages(t, other, 4)
    await Promise.all(sent)
    assert.deepEqual([before.message, found.message, after.message, last.message], ['before', 'with', 'after', 'last'])
    assert.deepEqual(identities(found.handles), all.map(identity))
    assert.deepEqual(identities(after.handles), all.slice(0, 2).map(identity))
    assert.deepEqual([before.handles, last.handles], [[], []])
  })
}

test('Channel send(): sends 1,000 handles with the only message', { contract: 'H1' }, async (t) => {
  const [one, other] = pair(t)
  const all = files(t, 1000)
  await one.send('only', all)
  const [{ handles }] = await messages(t, other, 1)
  assert.deepEqual(identities(handles), all.map(identity))
})

for (const serialization of ['json', 'advanced', 'raw']) {
  test(`Channel '${serialization}': gives each of 400 messages its own handles`, { contract: 'H1' }, async (t) => {
    const ends = pair(t, { serialization })
    const all = files(t, 300)
    // Most messages have a few handles.
    const of = (index) => all.slice(index % 7, (index % 7) + (index % 40 ? index % 5 : (index * 31) % 290))
    const message = (index) => (serialization === 'raw' ? Buffer.from(String(index)) : String(index))
    const known = all.map(identity)
    // Close handles as they arrive: all of them would exceed the limit of open descriptors.
    const received = ends.map(
      (end) =>
        new Promise((resolve, reject) => {
          let index = 0
          end.on('error', reject)
          end.on('message', (text, handles) => {
            const wanted = of(index).map((fd) => known[all.indexOf(fd)])
            const right = String(text) === String(index) && identities(handles).join() === wanted.join()
            for (const handle of handles) handle.close()
            if (!right) reject(new Error(`message ${index} has others' handles`))
            if (++index === 400) resolve()
          })
        }),
    )
    for (let index = 0; index < 400; index++) {
      const sent = ends.map((end) => end.send(message(index), of(index)))
      if (index % 20 === 0) await Promise.all(sent)
    }
    await Promise.all(received)
  })
}

test("Channel 'raw': gives an empty message its handles", { contract: 'H1' }, async (t) => {
  const [one, other] = pair(t, { serialization: 'raw' })
  const all = files(t, 300)
  for (const count of [1, 0, 300]) one.send(new Uint8Array(0), all.slice(0, count))
  const found = await messages(t, other, 3)
  assert.deepEqual(
    found.map(({ message, handles }) => [message.length, handles.length]),
    [
      [0, 1],
      [0, 0],
      [0, 300],
    ],
  )
  assert.deepEqual(identities(found[2].handles), all.map(identity))
})

test('Channel send(): takes anything with a descriptor, alone or in arrays', {
  contract: 'H1',
  ...onlyNode,
}, async (t) => {
  const directory = temporary(t)
  const file = path.join(directory, 'file')
  fs.writeFileSync(file, 'content')
  const opened = (...args) => {
    const fd = fs.openSync(...args)
    t.after(() => fs.closeSync(fd))
    return fd
  }
  const pairs = [socketpair(), socketpair('seqpacket'), socketpair('dgram')]
  t.after(() => pairs.flat().map((handle) => handle.close()))
  const handle = listenUnix(path.join(directory, 'socket'))
  t.after(() => handle.close())
  const fileHandle = await fs.promises.open(file)
  t.after(() => fileHandle.close())
  const server = net.createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const socket = net.connect(server.address().port, '127.0.0.1')
  const [connection] = await once(server, 'connection')
  t.after(() => [socket, connection].map((one) => one.destroy()))
  const udp = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  t.after(() => udp.close())
  await once(udp, 'listening')

  const plain = opened(file)
  const all = [
    // Objects that hold descriptors.
    [plain, 'file', identity(plain)],
    [{ fd: plain }, 'file', identity(plain)],
    [fileHandle, 'file', identity(plain)],
    [handle, 'unix-server', identity(handle.fd)],
    [server, 'tcp-server', identity(server._handle.fd)],
    [connection, 'tcp-socket', identity(connection._handle.fd)],
    [socket, 'tcp-socket', identity(socket._handle.fd)],
    [udp, 'udp'],
    // Kinds of descriptors.
    ...[
      [opened(directory), 'directory'],
      [opened('/dev/null'), 'character-device'],
      [pairs[0][0], 'unix-socket'],
      [pairs[1][0], 'unix-seqpacket'],
      [pairs[2][0], 'unix-dgram'],
    ].map(([what, kind]) => [what, kind, identity(what.fd ?? what)]),
  ]
  const [one, other] = pair(t)
  one.send(
    'all',
    all.map(([what]) => what),
  )
  for (const [what] of all) one.send('alone', what)
  const [together, ...alone] = await messages(t, other, 1 + all.length)
  for (const found of [together.handles, alone.flatMap(({ handles }) => handles)]) {
    assert.equal(found.length, all.length)
    for (const [index, [, kind, same]] of all.entries()) {
      assert.ok(found[index] instanceof Handle)
      assert.equal(found[index].kind, kind)
      assert.equal(found[index].name, null)
      if (same) assert.equal(identity(found[index].fd), same)
    }
  }
  // The sender still has them.
  assert.equal(fs.readFileSync(fileHandle.fd, 'utf8'), 'content')
  assert.ok(server.listening)
})

test("Channel 'message': receives handles of the same open file description", { contract: 'H1' }, async (t) => {
  const [one, other] = pair(t)
  const [fd] = files(t, 1)
  fs.writeSync(fd, 'abcdef', 0)
  one.send('file', fd)
  const [{ handles }] = await messages(t, other, 1)
  const read = (from) => {
    const buffer = Buffer.alloc(3)
    fs.readSync(from, buffer, 0, 3, null)
    return buffer.toString()
  }
  assert.deepEqual([read(fd), read(handles[0].fd)], ['abc', 'def'])
})

test("Channel 'message': receives close-on-exec descriptors", { contract: 'H5' }, async (t) => {
  const [one, other] = pair(t)
  one.send('files', files(t, 300))
  const [{ handles }] = await messages(t, other, 1)
  for (const { fd } of handles) assert.match(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'), /^flags:\s+02\d{6}$/m)
})

test('channel(): takes a handle that another channel received', { contract: 'H1' }, async (t) => {
  const [one, other] = pair(t)
  const [near, far] = socketpair()
  one.send('a channel', far)
  far.close()
  const [{ handles }] = await messages(t, other, 1)
  const ends = [channel(near), channel(handles[0])]
  t.after(() => ends.map((end) => end.destroy()))
  ends[0].send('through it')
  assert.equal((await messages(t, ends[1], 1))[0].message, 'through it')
})

test('Channel: leaves no descriptor behind after 10,000 messages with handles', { contract: 'H2' }, async (t) => {
  const [one, other] = pair(t)
  const all = files(t, 97)
  const known = all.map(identity)
  const before = openCount()
  let index = 0
  const done = new Promise((resolve, reject) => {
    other.on('error', reject)
    other.on('message', (message, [handle]) => {
      if (message !== index || identity(handle.fd) !== known[index % 97]) reject(new Error(`${message} for ${index}`))
      handle.close()
      if (++index === 10_000) resolve()
    })
  })
  for (let i = 0; i < 10_000; i++) {
    const sent = one.send(i, all[i % 97])
    if (i % 500 === 499) await sent
  }
  await done
  assert.equal(openCount(), before)
})

const CLOSE_RANGE = 436
const refused = [PYTHON, fixture('deny-syscall.py'), CLOSE_RANGE]
for (const [where, prefix] of [
  ['', []],
  [', seccomp refuses close_range', refused],
]) {
  test(`Channel send(): closes its duplicates and nothing else${where}`, { contract: 'H2' }, async (t) => {
    const { code, said } = await program(t, 'channel/open-between-sends.mjs', [], { prefix }).ended()
    assert.equal(code, 0)
    assert.deepEqual(said, [{ arrived: 601, between: 86, stillOpen: 86, left: 0 }])
  })
}
