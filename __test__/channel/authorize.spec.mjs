// Authorization of peers by listenChannel(), and Channel peer.

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

/** Starts a server. Returns it with its connections, its errors, the calls of authorize(), and the errors of its channels. */
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
 * Starts a peer that connects and sends bytes before the server accepts it. The peer reports 'read', or 'ECONNRESET' because
 * the kernel resets a connection that was closed with unread bytes.
 */
function stranger(t, at, prefix = []) {
  const marker = path.join(temporary(t), 'sent')
  const started = program(t, 'channel/send-garbage.py', [at, marker], { prefix })
  // Don't yield to the event loop: the server must not accept yet.
  while (!fs.existsSync(marker));
  return started
}

test('Channel peer: tells the pid, user and group of the peer', { contract: 'H11' }, async (t) => {
  const { at, asked, connections } = await serve(t, { authorize: () => true })
  const { child, told } = program(t, 'channel/report-peer.mjs', [at])
  const { peer } = await told('peer')
  assert.deepEqual(peer, OURSELVES)
  const expected = { ...OURSELVES, pid: child.pid }
  assert.deepEqual(asked, [[expected]])
  assert.deepEqual(connections[0].peer, expected)
})

test('Channel peer: tells the identity of another user', { contract: 'H11', ...asNobody }, async (t) => {
  const { at, asked, connections } = await serve(t, { mode: 0o666, authorize: ({ uid }) => uid === NOBODY })
  const { child, told } = program(t, 'channel/report-peer.mjs', [at], { prefix: AS_NOBODY })
  await told('peer')
  const expected = { pid: child.pid, uid: NOBODY, gid: NOBODY }
  assert.deepEqual(asked, [[expected]])
  assert.deepEqual(connections[0].peer, expected)
  // The server accepts no other peer.
  const one = await connect(t, at)
  await once(one, 'close')
  assert.equal(connections.length, 1)
})

test('listenChannel(): refuses another user by default, and reads none of its bytes', {
  contract: 'H11',
  ...asNobody,
}, async (t) => {
  const { at, connections, errors } = await serve(t, { mode: 0o666 })
  const before = openCount()
  const { ended } = stranger(t, at, AS_NOBODY)
  assert.deepEqual(await ended(), { code: 0, said: [{ outcome: 'ECONNRESET' }] })
  assert.deepEqual([connections, errors], [[], []])
  await until(() => openCount() <= before)
  // The server's own user is accepted.
  const one = await connect(t, at)
  one.send('ours')
  assert.deepEqual(await words(t, one, 1), ['ours'])
})

test('listenChannel(): accepts root on a server of another user', { contract: 'H11', ...asNobody }, async (t) => {
  const at = path.join(temporary(t), 'socket')
  const { child, told } = program(t, 'channel/serve-once.mjs', [at], { prefix: AS_NOBODY })
  await told('there')
  const one = await connect(t, at)
  assert.deepEqual(one.peer, { pid: child.pid, uid: NOBODY, gid: NOBODY })
  one.send('by root')
  assert.deepEqual(await words(t, one, 1), ['by root'])
})

test('listenChannel(): its default file mode keeps another user from connecting', {
  contract: 'H11',
  ...asNobody,
}, async (t) => {
  const { at, connections } = await serve(t, {})
  const { ended } = program(t, 'channel/report-peer.mjs', [at], { prefix: AS_NOBODY })
  assert.deepEqual((await ended()).said, [{ failed: 'EACCES', syscall: 'connect', path: at }])
  assert.deepEqual(connections, [])
})

test('listenChannel(): reads an accepted peer from its first byte', { contract: 'H11' }, async (t) => {
  const { at, faults } = await serve(t, { authorize: () => true })
  const { ended } = stranger(t, at)
  const { said } = await ended()
  // The peer's bytes are not JSON.
  assert.deepEqual([said, faults], [[{ outcome: 'read' }], ['ERR_PROCNATIVE_MESSAGE_INVALID']])
})

test('listenChannel(): refuses all peers by default, where all have one uid', {
  contract: 'H11',
  ...userNamespace,
}, async (t) => {
  const at = path.join(temporary(t), 'socket')
  const options = JSON.stringify({ mode: 0o666 })
  const { child, said } = program(t, 'channel/hostile-server.mjs', [at, options], { prefix: ['unshare', '--user'] })
  await until(() => said.includes('listening'), 'the server listens')
  assert.equal(status(child.pid, 'Uid').split('\t')[0], '0')
  for (const prefix of [AS_NOBODY, []]) {
    const { ended } = program(t, 'channel/send-garbage.py', [at, path.join(temporary(t), 'sent')], { prefix })
    const found = await ended()
    assert.equal(found.code, 0)
    assert.match(found.said[0].outcome, /^(ECONNRESET|EPIPE)$/)
  }
  assert.deepEqual(said, ['listening'])
})

test('listenChannel(): accepts its own user, /proc/sys hidden', userNamespace, async (t) => {
  const at = path.join(temporary(t), 'socket')
  // systemd does the same with PrivateUsers=yes and ProcSubset=pid.
  const hide = 'mount -t proc -o subset=pid proc /proc && exec unshare --user --map-user=1000 "$@"'
  const prefix = ['unshare', '--pid', '--fork', '--kill-child', '--mount', 'sh', '-c', hide, 'sh']
  const { said } = program(t, 'channel/hostile-server.mjs', [at, '{}'], { prefix })
  await until(() => said.includes('listening'), 'the server listens')
  const channel = await connectChannel(at)
  await channel.send({ echo: true })
  const [answer] = await Promise.race([once(channel, 'message'), once(channel, 'close')])
  assert.deepEqual(answer, { echo: true })
  await channel.close()
})

for (const [title, authorize, fails] of [
  ['returns false', () => false, false],
  [
    'throws',
    () => {
      throw new Error('of authorize')
    },
    'of authorize',
  ],
  ['returns a promise for true', async () => true, true],
  ['returns a promise that rejects', () => Promise.reject(new Error('of a promise')), true],
  ['returns 1', () => 1, true],
  ["returns 'true'", () => 'true', true],
  ['returns undefined', () => {}, true],
  ['returns null', () => null, true],
]) {
  test(`listenChannel(): refuses the peer${fails ? ", emits 'error'" : ''}, authorize ${title}`, {
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
      // A promise that rejects gives two errors: first that it is no boolean, later the rejection.
      const count = title === 'returns a promise that rejects' ? Math.ceil(errors.length / 2) : errors.length
      assert.equal(count, fails ? round : 0)
    }
    assert.deepEqual(connections, [])
    if (typeof fails === 'string') assert.equal(errors[0].message, fails)
    else for (const { code, message } of errors) assert.ok(/^ERR_/.test(code) || message === 'of a promise')
    await until(() => openCount() <= before)
  })
}

test("listenChannel(): warns of an error without an 'error' listener, and continues", {
  contract: 'H11',
}, async (t) => {
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
