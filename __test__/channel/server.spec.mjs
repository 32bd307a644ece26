// listenChannel() and connectChannel(). Authorization is in authorize.spec.mjs.
// runtimes: node, bun

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { Channel, ChannelServer, connectChannel } from '../../index.js'
import { events, files, identities, identity, messages, turns, words } from '../helpers/channels.mjs'
import { hasProgram, needs, temporary, test } from '../helpers/harness.mjs'
import { library, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { answer, connect, serve, socketIn } from './helpers/channel-server.mjs'

for (const [title, where] of [
  ['a path', socketIn],
  ['an @ name', () => `@procnative-channel-${process.pid}`],
  ['a NUL name', () => `\0procnative-channel-${process.pid}`],
]) {
  test(`listenChannel(): carries messages and handles both ways, at ${title}`, { contract: 'H11' }, async (t) => {
    const at = where(t)
    const server = await serve(t, at, undefined, answer)
    assert.ok(server instanceof ChannelServer)
    assert.equal(server.path.replace('\0', '@'), at.replace('\0', '@'))
    const all = files(t, 300)
    const ends = await Promise.all([connect(t, at), connect(t, at)])
    for (const [index, end] of ends.entries()) {
      assert.ok(end instanceof Channel)
      assert.deepEqual(end.peer, { pid: process.pid, uid: process.getuid(), gid: process.getgid() })
      end.send({ index }, all)
      const [{ message, handles }] = await messages(t, end, 1)
      assert.deepEqual(message, { index })
      assert.deepEqual(identities(handles), all.map(identity))
    }
  })
}

test("listenChannel(): adds its listener to 'connection', next to others", { contract: 'H11' }, async (t) => {
  const at = socketIn(t)
  const seen = []
  const server = await serve(t, at, {}, (one) => seen.push(one))
  server.on('connection', (one) => seen.push(one))
  await connect(t, at)
  await until(() => seen.length === 2)
  assert.equal(seen[0], seen[1])
  assert.ok(seen[0] instanceof Channel)
})

test('ChannelServer: has no public constructor', { contract: 'H11' }, () => {
  assert.throws(() => new ChannelServer(), { name: 'TypeError', message: 'Illegal constructor' })
})

test('listenChannel(): applies its options to each connection', { contract: 'H11' }, async (t) => {
  const at = socketIn(t)
  const options = { serialization: 'advanced', maxMessageLength: 100, maxHandles: 2 }
  const [file] = files(t, 1)
  const errors = []
  await serve(t, at, options, (one) => {
    answer(one)
    one.on('error', ({ code }) => errors.push(code))
  })
  for (const [message, handles, code] of [
    ['x'.repeat(200), [], 'ERR_PROCNATIVE_MESSAGE_TOO_LONG'],
    ['x', [file, file, file], 'ERR_PROCNATIVE_TOO_MANY_HANDLES'],
  ]) {
    const one = await connect(t, at, options)
    one.send(new Map([[1, 2]]), [file, file])
    const [found] = await messages(t, one, 1)
    assert.deepEqual([found.message, found.handles.length], [new Map([[1, 2]]), 2])
    one.send(message, handles).catch(() => {})
    await once(one, 'close')
    assert.deepEqual(errors.splice(0), [code])
  }
})

// ── The file ──

test('listenChannel(): gives its file mode 0600 or `mode`, any umask', { contract: 'H11' }, async (t) => {
  const before = process.umask(0)
  t.after(() => process.umask(before))
  for (const [options, mode] of [
    [undefined, 0o600],
    [{ mode: 0o660 }, 0o660],
    [{ mode: 0o777 }, 0o777],
  ]) {
    const at = socketIn(t)
    await serve(t, at, options)
    assert.equal(fs.statSync(at).mode & 0o7777, mode)
  }
})

test('listenChannel(): gives its file the mode before bind', {
  contract: 'H11',
  ...needs('strace', hasProgram('strace')),
}, async (t) => {
  const directory = temporary(t)
  const trace = path.join(directory, 'trace')
  const traced = ['-f', '-o', trace, '-e', 'trace=bind,listen,chmod,fchmod,fchmodat']
  const at = path.join(directory, 'socket')
  const script = `require(${JSON.stringify(library)})
    .listenChannel(${JSON.stringify(at)}, { mode: 0o640 })
    .then((server) => server.close())`
  const { code, stderr } = await run('strace', [...traced, process.execPath, '-e', script]).ended
  assert.equal(code, 0, stderr)
  const calls = fs
    .readFileSync(trace, 'utf8')
    .split('\n')
    .map((line) => line.match(/^\d+ +(\w+)\(.*= 0/)?.[1])
    .filter(Boolean)
  assert.deepEqual(calls.slice(calls.indexOf('fchmod')), ['fchmod', 'bind', 'listen'])
})

test('ChannelServer close(): stops listening, keeps channels and the file', { contract: 'H11' }, async (t) => {
  const at = socketIn(t)
  const server = await serve(t, at, {}, answer)
  const all = events(server)
  const one = await connect(t, at)
  one.send('before')
  assert.deepEqual(await words(t, one, 1), ['before'])
  const closing = [server.close(), server.close()]
  await Promise.all(closing)
  await server.close()
  await turns(5)
  assert.deepEqual(all, ['close'])
  assert.ok(fs.existsSync(at))
  await assert.rejects(connectChannel(at), { code: 'ECONNREFUSED', errno: -111, syscall: 'connect', path: at })
  one.send('after')
  assert.deepEqual(await words(t, one, 1), ['after'])
  const { ino } = fs.statSync(at)
  await serve(t, at, {}, answer)
  assert.notEqual(fs.statSync(at).ino, ino)
  const other = await connect(t, at)
  other.send('next')
  assert.deepEqual(await words(t, other, 1), ['next'])
})

test('ChannelServer close(): ends connections that wait to be accepted', { contract: 'H11' }, async (t) => {
  const at = socketIn(t)
  const server = await serve(t, at)
  let connections = 0
  server.on('connection', () => connections++)
  // All in one turn: the server accepts none before close().
  const connecting = [1, 2, 3].map(() => connectChannel(at))
  const closed = server.close()
  const outcomes = await Promise.allSettled(connecting)
  await closed
  for (const { value, reason } of outcomes) {
    if (reason) assert.ok(['ECONNREFUSED', 'ECONNRESET'].includes(reason.code), reason)
    else {
      t.after(() => value.destroy())
      if (connections === 0) await until(() => value.closed)
    }
  }
})
