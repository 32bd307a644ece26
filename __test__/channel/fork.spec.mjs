// fork() and sendHandle(). parentChannel() is in fork-parent.spec.mjs, and the stdio options are in fork-stdio.spec.mjs.

import assert from 'node:assert/strict'
import { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Channel, channel, fork, sendHandle, socketpair } from '../../index.js'
import { CLOSED, events, files, identities, identity, messages, openCount, turns, words } from '../helpers/channels.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { fixture } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { answer, ask, forked } from './helpers/fork.mjs'

const onlyNode = needs('Node.js, whose child_process has its own channel', isNode)

test('fork(): gives the child a channel besides Node’s own', { contract: 'H1', ...onlyNode }, async (t) => {
  const child = forked(t)
  assert.ok(child instanceof ChildProcess)
  assert.ok(child.handles instanceof Channel)
  assert.equal(child.handles.peer, null)
  assert.equal(child.connected, true)
  child.send({ ask: 'Node' })
  assert.deepEqual((await once(child, 'message'))[0], { answer: { ask: 'Node' } })
  assert.equal(await answer(t, child, 'say', [], 'procnative'), 'procnative')
  // Each channel works without the other.
  child.disconnect()
  await once(child, 'disconnect')
  assert.equal(await answer(t, child, 'say', [], 'still'), 'still')
  await child.handles.close()
  assert.deepEqual(await child.ended, [0, null])
})

test('fork(): its channel carries handles in both directions', { contract: 'H1', ...onlyNode }, async (t) => {
  const child = forked(t)
  const all = files(t, 600)
  const { message, handles } = await ask(t, child, 'identities', all)
  assert.deepEqual(message, all.map(identity))
  assert.deepEqual(identities(handles), all.map(identity))
})

test('fork(): takes the module and arguments as child_process does', { contract: 'H1', ...onlyNode }, async (t) => {
  const child = forked(t, {}, ['one', 'two'])
  assert.deepEqual(await answer(t, child, 'arguments', []), ['one', 'two'])
  const other = fork(pathToFileURL(fixture('channel/obey-parent.mjs')))
  t.after(async () => {
    other.handles.destroy()
    other.kill('SIGKILL')
    await once(other, 'close').catch(() => {})
  })
  assert.deepEqual(await answer(t, other, 'arguments', []), [])
  assert.deepEqual(await answer(t, forked(t, { execArgv: ['--no-warnings'] }, undefined), 'flags', []), [
    '--no-warnings',
  ])
})

test('parentChannel(): returns the same channel on each call', { contract: 'H11', ...onlyNode }, async (t) => {
  assert.equal(await answer(t, forked(t), 'again', []), true)
})

test('fork(): passes its `env` to the child, with a new channel', { contract: 'H11', ...onlyNode }, async (t) => {
  const child = forked(t, { env: { PATH: process.env.PATH, GIVEN: 'yes' } })
  const { GIVEN, PROCNATIVE_CHANNEL_FD, HOME } = await answer(t, child, 'environment', [])
  assert.deepEqual([GIVEN, HOME], ['yes', undefined])
  assert.match(PROCNATIVE_CHANNEL_FD, /^\d+:\d+:json:16777216:1024$/)
  // fork() changes neither its options nor this process's environment.
  assert.equal(process.env.PROCNATIVE_CHANNEL_FD, undefined)
  const env = { ...process.env, PROCNATIVE_CHANNEL_FD: '3:1' }
  assert.equal(await answer(t, forked(t, { env }), 'say', [], 'new'), 'new')
  assert.equal(env.PROCNATIVE_CHANNEL_FD, '3:1')
})

// ── Options of the channel ──

test("fork(): applies its serialization at both ends, 'advanced'", { contract: 'H11', ...onlyNode }, async (t) => {
  const child = forked(t, { channel: { serialization: 'advanced' } })
  const map = new Map([['key', new Set([1n])]])
  assert.deepEqual(await answer(t, child, 'say', [], map), map)
})

test("fork(): applies its serialization at both ends, 'raw'", { contract: 'H11', ...onlyNode }, async (t) => {
  const child = fork(fixture('channel/echo-to-parent.mjs'), [], { channel: { serialization: 'raw' } })
  const exit = once(child, 'exit')
  t.after(async () => {
    child.handles.destroy()
    child.disconnect()
    await exit
  })
  child.handles.send(Buffer.from([0, 255]))
  assert.deepEqual(await words(t, child.handles, 1), [Buffer.from([0, 255])])
})

for (const [limits, order, code] of [
  [{ maxMessageLength: 1000 }, 'long', 'ERR_PROCNATIVE_MESSAGE_TOO_LONG'],
  [{ maxHandles: 2 }, 'many', 'ERR_PROCNATIVE_TOO_MANY_HANDLES'],
]) {
  test(`fork(): applies ${Object.keys(limits)} in the parent`, { contract: 'H11', ...onlyNode }, async (t) => {
    const child = forked(t, { channel: limits })
    const all = events(child.handles)
    child.handles.on('message', () => {})
    child.handles.send({ order, args: [] }).catch(() => {})
    await until(() => all.length === 2)
    assert.deepEqual([all[0].code, all[1]], [code, 'close'])
  })

  test(`fork(): applies ${Object.keys(limits)} in the child`, { contract: 'H11', ...onlyNode }, async (t) => {
    const child = forked(t, { channel: limits })
    const [file] = files(t, 1)
    const told = once(child, 'message')
    child.handles.on('error', () => {})
    child.handles
      .send('x'.repeat(order === 'long' ? 2000 : 1), Array(order === 'many' ? 3 : 0).fill(file))
      .catch(() => {})
    assert.deepEqual(await told, [{ error: code }, undefined])
  })
}

// ── Ends ──

test('fork(): the death of the child closes the channel', { contract: 'H14', ...onlyNode }, async (t) => {
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    const child = forked(t)
    await answer(t, child, 'say', [], 'there')
    const all = events(child.handles)
    child.kill(signal)
    assert.deepEqual(await child.ended, [null, signal])
    await until(() => all.length > 0)
    await turns(5)
    assert.deepEqual(all, ['close'])
    assert.equal(child.handles.closed, true)
    await assert.rejects(child.handles.send('late'), CLOSED)
  }
})

test('fork(): keeps a child that listens alive until its channel closes', {
  contract: 'H14',
  ...onlyNode,
}, async (t) => {
  const child = forked(t)
  child.disconnect()
  await answer(t, child, 'say', [], 'there')
  await until(() => stat(child.pid).state === 'S', 'the child waits')
  assert.ok(isAlive(child.pid))
  await child.handles.close()
  assert.deepEqual(await child.ended, [0, null])
})

test('fork(): leaves no descriptor behind after 50 children', { contract: 'H1', ...onlyNode }, async (t) => {
  const before = openCount()
  const [file] = files(t, 1)
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      Array.from({ length: 5 }, async (_, index) => {
        const child = fork(fixture('channel/obey-parent.mjs'))
        const exit = once(child, 'exit')
        child.handles.send({ order: 'say', args: [index] }, file)
        const [{ message }] = await messages(t, child.handles, 1)
        assert.equal(message, index)
        child.disconnect()
        await Promise.all([child.handles.close(), exit])
      }),
    )
  }
  await until(() => openCount() === before + 1)
})

// ── sendHandle() ──

test('sendHandle(): takes a child of fork(), a channel, and a descriptor', {
  contract: 'H1',
  ...onlyNode,
}, async (t) => {
  const [file] = files(t, 1)
  const child = forked(t)
  await sendHandle(child, { order: 'identities', args: [] }, file)
  const [{ message }] = await messages(t, child.handles, 1)
  assert.deepEqual(message, [identity(file)])

  const [ours, theirs] = socketpair()
  const { fd } = ours
  const other = channel(theirs)
  t.after(() => other.destroy())
  await sendHandle(fd, 'by number', file)
  t.after(() => channel(fd).destroy())
  await sendHandle(channel(fd), 'by channel', [file, file])
  await sendHandle(fd, 'without')
  assert.deepEqual(
    (await messages(t, other, 3)).map(({ message, handles }) => [message, handles.length]),
    [
      ['by number', 1],
      ['by channel', 2],
      ['without', 0],
    ],
  )
})

test('sendHandle(): makes a net.Socket a channel at the first call', { contract: 'H1', ...onlyNode }, async (t) => {
  const net = await import('node:net')
  const { temporary } = await import('../helpers/harness.mjs')
  const server = net.createServer().listen(path.join(temporary(t), 'socket'))
  t.after(() => server.close())
  await once(server, 'listening')
  const socket = net.connect(server.address())
  const [connection] = await once(server, 'connection')
  const [file] = files(t, 1)
  await Promise.all([sendHandle(socket, 'one', file), sendHandle(socket, 'two')])
  t.after(() => channel(socket).destroy())
  assert.ok(socket.destroyed)
  const other = channel(connection)
  t.after(() => other.destroy())
  const found = await messages(t, other, 2)
  assert.deepEqual(
    found.map(({ message, handles }) => [message, handles.length]),
    [
      ['one', 1],
      ['two', 0],
    ],
  )
})

test('sendHandle(): rejects for wrong targets', { contract: 'E2' }, async () => {
  for (const [to, code] of [
    [undefined, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    ['text', 'ERR_INVALID_ARG_TYPE'],
    [{}, 'ERR_INVALID_ARG_TYPE'],
    [-1, 'ERR_OUT_OF_RANGE'],
    [1_000_000, 'EBADF'],
  ]) {
    await assert.rejects(sendHandle(to, 'message'), { code })
  }
})
