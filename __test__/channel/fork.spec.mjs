// H1, H11: fork() and parentChannel(). What there is without them is in fork-parent.spec.mjs.

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

test("a child of fork() has a channel, and Node's own besides", { contract: 'H1', ...onlyNode }, async (t) => {
  const child = forked(t)
  assert.ok(child instanceof ChildProcess)
  assert.ok(child.handles instanceof Channel)
  assert.equal(child.handles.peer, null)
  assert.equal(child.connected, true)
  child.send({ ask: 'Node' })
  assert.deepEqual((await once(child, 'message'))[0], { answer: { ask: 'Node' } })
  assert.equal(await answer(t, child, 'say', [], 'procnative'), 'procnative')
  // Each without the other.
  child.disconnect()
  await once(child, 'disconnect')
  assert.equal(await answer(t, child, 'say', [], 'still'), 'still')
  await child.handles.close()
  assert.deepEqual(await child.ended, [0, null])
})

test('handles go both ways', { contract: 'H1', ...onlyNode }, async (t) => {
  const child = forked(t)
  const all = files(t, 600)
  const { message, handles } = await ask(t, child, 'identities', all)
  assert.deepEqual(message, all.map(identity))
  assert.deepEqual(identities(handles), all.map(identity))
})

test('the arguments and the module are those of child_process', { contract: 'H1', ...onlyNode }, async (t) => {
  const child = forked(t, {}, ['one', 'two'])
  assert.deepEqual(await answer(t, child, 'arguments', []), ['one', 'two'])
  const other = fork(pathToFileURL(fixture('channel/child.mjs')))
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

test('parentChannel() is one and the same, however often it is asked for', {
  contract: 'H11',
  ...onlyNode,
}, async (t) => {
  assert.equal(await answer(t, forked(t), 'again', []), true)
})

test('the variables that are given are the child’s, and its channel is another one', {
  contract: 'H11',
  ...onlyNode,
}, async (t) => {
  const child = forked(t, { env: { PATH: process.env.PATH, GIVEN: 'yes' } })
  const { GIVEN, PROCNATIVE_CHANNEL_FD, HOME } = await answer(t, child, 'environment', [])
  assert.deepEqual([GIVEN, HOME], ['yes', undefined])
  assert.match(PROCNATIVE_CHANNEL_FD, /^\d+:\d+:json:16777216:1024$/)
  // What was given is as it was, and so is this process's own.
  assert.equal(process.env.PROCNATIVE_CHANNEL_FD, undefined)
  const env = { ...process.env, PROCNATIVE_CHANNEL_FD: '3:1' }
  assert.equal(await answer(t, forked(t, { env }), 'say', [], 'new'), 'new')
  assert.equal(env.PROCNATIVE_CHANNEL_FD, '3:1')
})

// ── Options of the channel ──

test('the serialization holds at both ends', { contract: 'H11', ...onlyNode }, async (t) => {
  const child = forked(t, { channel: { serialization: 'advanced' } })
  const map = new Map([['key', new Set([1n])]])
  assert.deepEqual(await answer(t, child, 'say', [], map), map)
})

test('so does ‘raw’', { contract: 'H11', ...onlyNode }, async (t) => {
  const child = fork(fixture('channel/parent-answers.mjs'), [], { channel: { serialization: 'raw' } })
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
  test(`so does ${JSON.stringify(limits)}: beyond it, there is an error here`, {
    contract: 'H11',
    ...onlyNode,
  }, async (t) => {
    const child = forked(t, { channel: limits })
    const all = events(child.handles)
    child.handles.on('message', () => {})
    child.handles.send({ order, args: [] }).catch(() => {})
    await until(() => all.length === 2)
    assert.deepEqual([all[0].code, all[1]], [code, 'close'])
  })

  test(`so does ${JSON.stringify(limits)}: beyond it, there is an error there`, {
    contract: 'H11',
    ...onlyNode,
  }, async (t) => {
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

test('a child that dies closes its channel', { contract: 'H14', ...onlyNode }, async (t) => {
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

test('a child that reads its channel ends when that does', { contract: 'H14', ...onlyNode }, async (t) => {
  const child = forked(t)
  child.disconnect()
  await answer(t, child, 'say', [], 'there')
  await until(() => stat(child.pid).state === 'S', 'it waits')
  assert.ok(isAlive(child.pid))
  await child.handles.close()
  assert.deepEqual(await child.ended, [0, null])
})

test('50 children, one after the other or at once, leave no descriptor behind', {
  contract: 'H1',
  ...onlyNode,
}, async (t) => {
  const before = openCount()
  const [file] = files(t, 1)
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      Array.from({ length: 5 }, async (_, index) => {
        const child = fork(fixture('channel/child.mjs'))
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

test('sendHandle() takes a child of fork(), a channel, a socket and a number', {
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

test('sendHandle() on a net.Socket makes that a channel, the first time', {
  contract: 'H1',
  ...onlyNode,
}, async (t) => {
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

test('sendHandle() to what leads nowhere is refused by a rejection', { contract: 'E2' }, async () => {
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
