// H11: who is let in by a server of channels.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { connectChannel, listenChannel } from '../../index.js'
import { AS_NOBODY, NOBODY, openCount, program, turns, words } from '../helpers/channels.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { status } from '../helpers/proc.mjs'
import { until } from '../helpers/until.mjs'

const asNobody = needs('root, and setpriv', isRoot && hasProgram('setpriv'))

const userNamespace = needs(
  'root, setpriv, and user namespaces',
  isRoot && hasProgram('setpriv') && spawnSync('unshare', ['--user', 'true']).status === 0,
)

const OURSELVES = { pid: process.pid, uid: process.getuid(), gid: process.getgid() }

/** A server, and all that it has said. */
async function serve(t, options) {
  const at = path.join(temporary(t), 'socket')
  const said = { connections: [], errors: [], asked: [], faults: [] }
  const { authorize } = options
  const asking = authorize && {
    authorize: (...args) => {
      said.asked.push(args)
      return authorize(...args)
    },
  }
  const server = await listenChannel(at, { ...options, ...asking }, (one) => {
    t.after(() => one.destroy())
    said.connections.push(one)
    one.on('message', (message) => one.send(message).catch(() => {}))
    one.on('error', (error) => said.faults.push(error.code))
  })
  t.after(() => server.close())
  return { at, server, ...said }
}

async function connect(t, at) {
  const one = await connectChannel(at)
  t.after(() => one.destroy())
  return one
}

/**
 * Somebody who has connected, and sent something, before the server comes to accept them. They tell how it went: what they
 * have read, or 'ECONNRESET', which is how the kernel tells them that nobody has read what they sent.
 */
function stranger(t, at, prefix = []) {
  const marker = path.join(temporary(t), 'sent')
  const started = program(t, 'channel/stranger.py', [at, marker], { prefix })
  // Not by turns of the event loop: the server is to have none.
  while (!fs.existsSync(marker));
  return started
}

test('`peer` is who is at the other end, by pid, user and group', { contract: 'H11' }, async (t) => {
  const { at, asked, connections } = await serve(t, { authorize: () => true })
  const { child, told } = program(t, 'channel/client.mjs', [at])
  const { peer } = await told('peer')
  assert.deepEqual(peer, OURSELVES)
  const expected = { ...OURSELVES, pid: child.pid }
  assert.deepEqual(asked, [[expected]])
  assert.deepEqual(connections[0].peer, expected)
})

test('also of another user', { contract: 'H11', ...asNobody }, async (t) => {
  const { at, asked, connections } = await serve(t, { mode: 0o666, authorize: ({ uid }) => uid === NOBODY })
  const { child, told } = program(t, 'channel/client.mjs', [at], { prefix: AS_NOBODY })
  await told('peer')
  const expected = { pid: child.pid, uid: NOBODY, gid: NOBODY }
  assert.deepEqual(asked, [[expected]])
  assert.deepEqual(connections[0].peer, expected)
  // And only that one.
  const one = await connect(t, at)
  await once(one, 'close')
  assert.equal(connections.length, 1)
})

test('another user is not let in by default, and nothing of theirs is read', {
  contract: 'H11',
  ...asNobody,
}, async (t) => {
  const { at, connections, errors } = await serve(t, { mode: 0o666 })
  const before = openCount()
  const { ended } = stranger(t, at, AS_NOBODY)
  assert.deepEqual(await ended(), { code: 0, said: [{ outcome: 'ECONNRESET' }] })
  assert.deepEqual([connections, errors], [[], []])
  await until(() => openCount() <= before)
  // Others are.
  const one = await connect(t, at)
  one.send('ours')
  assert.deepEqual(await words(t, one, 1), ['ours'])
})

test('root is, where the server is another user’s', { contract: 'H11', ...asNobody }, async (t) => {
  const at = path.join(temporary(t), 'socket')
  const { child, told } = program(t, 'channel/serves-once.mjs', [at], { prefix: AS_NOBODY })
  await told('there')
  const one = await connect(t, at)
  assert.deepEqual(one.peer, { pid: child.pid, uid: NOBODY, gid: NOBODY })
  one.send('by root')
  assert.deepEqual(await words(t, one, 1), ['by root'])
})

test('another user does not even get to the file, by its mode', { contract: 'H11', ...asNobody }, async (t) => {
  const { at, connections } = await serve(t, {})
  const { ended } = program(t, 'channel/client.mjs', [at], { prefix: AS_NOBODY })
  assert.deepEqual((await ended()).said, [{ failed: 'EACCES', syscall: 'connect', path: at }])
  assert.deepEqual(connections, [])
})

test('who is let in is read from the first byte on', { contract: 'H11' }, async (t) => {
  const { at, faults } = await serve(t, { authorize: () => true })
  const { ended } = stranger(t, at)
  const { said } = await ended()
  // What it says is no JSON.
  assert.deepEqual([said, faults], [[{ outcome: 'read' }], ['ERR_PROCNATIVE_MESSAGE_INVALID']])
})

test('where all users have one number, that of nobody, none is let in by default', {
  contract: 'H11',
  ...userNamespace,
}, async (t) => {
  const at = path.join(temporary(t), 'socket')
  const options = JSON.stringify({ mode: 0o666 })
  const { child, said } = program(t, 'channel/hostile-server.mjs', [at, options], { prefix: ['unshare', '--user'] })
  await until(() => said.includes('listening'), 'it listens')
  assert.equal(status(child.pid, 'Uid').split('\t')[0], '0')
  for (const prefix of [AS_NOBODY, []]) {
    const { ended } = program(t, 'channel/stranger.py', [at, path.join(temporary(t), 'sent')], { prefix })
    const found = await ended()
    assert.equal(found.code, 0)
    assert.match(found.said[0].outcome, /^(ECONNRESET|EPIPE)$/)
  }
  assert.deepEqual(said, ['listening'])
})

test('listenChannel: lets its own user in, /proc/sys hidden', userNamespace, async (t) => {
  const at = path.join(temporary(t), 'socket')
  // As systemd does with PrivateUsers=yes and ProcSubset=pid.
  const hide = 'mount -t proc -o subset=pid proc /proc && exec unshare --user --map-user=1000 "$@"'
  const prefix = ['unshare', '--pid', '--fork', '--kill-child', '--mount', 'sh', '-c', hide, 'sh']
  const { said } = program(t, 'channel/hostile-server.mjs', [at, '{}'], { prefix })
  await until(() => said.includes('listening'), 'it listens')
  const channel = await connectChannel(at)
  await channel.send({ echo: true })
  const [answer] = await Promise.race([once(channel, 'message'), once(channel, 'close')])
  assert.deepEqual(answer, { echo: true })
  await channel.close()
})

for (const [title, authorize, fails] of [
  ['false', () => false, false],
  [
    'an error thrown',
    () => {
      throw new Error('of authorize')
    },
    'of authorize',
  ],
  ['a promise, of true', async () => true, true],
  ['a promise that rejects', () => Promise.reject(new Error('of a promise')), true],
  ['1', () => 1, true],
  ["'true'", () => 'true', true],
  ['undefined', () => {}, true],
  ['null', () => null, true],
]) {
  test(`authorize: ${title}: not let in, nothing is read${fails ? ", and an 'error'" : ''}`, {
    contract: 'H11',
  }, async (t) => {
    const { at, server, asked, connections, errors } = await serve(t, { authorize })
    server.on('error', (error) => errors.push(error))
    const before = openCount()
    for (let round = 1; round <= 2; round++) {
      const { ended } = stranger(t, at)
      assert.deepEqual(await ended(), { code: 0, said: [{ outcome: 'ECONNRESET' }] })
      await turns(5)
      assert.equal(asked.length, round)
      // That it is no boolean, and maybe what comes of the promise.
      const count = title === 'a promise that rejects' ? Math.ceil(errors.length / 2) : errors.length
      assert.equal(count, fails ? round : 0)
    }
    assert.deepEqual(connections, [])
    if (typeof fails === 'string') assert.equal(errors[0].message, fails)
    else for (const { code, message } of errors) assert.ok(/^ERR_/.test(code) || message === 'of a promise')
    await until(() => openCount() <= before)
  })
}

test('where nobody listens for ‘error’, there is a warning, and the server goes on', { contract: 'H11' }, async (t) => {
  let isFirst = true
  const { at } = await serve(t, {
    authorize: () => {
      if (!isFirst) return true
      isFirst = false
      throw new Error('only once')
    },
  })
  const warned = once(process, 'warning')
  const refused = await connect(t, at)
  const [warning] = await warned
  assert.match(String(warning.message), /only once/)
  if (!refused.closed) await once(refused, 'close')
  const one = await connect(t, at)
  one.send('goes on')
  assert.deepEqual(await words(t, one, 1), ['goes on'])
})
