// Sockets that are handed over: `listen` of spawnDaemon(), and listenFds().
// runtimes: node, bun

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { listenUnix, spawnDaemon } from '../../index.js'
import { end, firstLine } from '../helpers/daemon.mjs'
import { hasProgram, isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { fixture, run, runScript } from '../helpers/run.mjs'
import { environmentOf, hasOpen, PYTHON, rejection, spawned } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'

const sleep = ['sleep', ['1000']]

/** Starts a server of Node.js on a free port. The test closes it at its end. */
async function server(context) {
  const one = net.createServer().listen(0, '127.0.0.1')
  await once(one, 'listening')
  context.after(() => one.close())
  return one
}

/** Returns a listening Unix socket. The test closes it at its end. */
function unixSocket(context, file) {
  const handle = listenUnix(file)
  context.after(() => handle.close())
  return handle
}

/** Connects and returns all that the server sends before it closes the connection. */
async function answer(...where) {
  const chunks = await net
    .connect(...where)
    .setEncoding('utf8')
    .toArray()
  return chunks.join('')
}

const inodeOf = (fd) => fs.readlinkSync(`/proc/self/fd/${fd}`)

/** Runs fixtures/take-sockets.cjs as a daemon; returns its report. */
async function taker(context, listen) {
  const log = path.join(temporary(context), 'log')
  await spawned(context, process.execPath, [fixture('daemon/take-sockets.cjs'), log], {
    listen,
    stdio: ['ignore', log, log],
  })
  return until(() => fs.existsSync(log) && firstLine(log), 'the daemon reports its sockets')
}

// ── listen, of spawnDaemon() ──

test('spawnDaemon(): `listen` sets LISTEN_FDS, sockets from 3 in order', { contract: 'D24' }, async (t) => {
  const directory = temporary(t)
  const [one, two] = [await server(t), unixSocket(t, path.join(directory, 'socket'))]
  const file = await fs.promises.open('/dev/zero')
  t.after(() => file.close())
  const pid = await spawned(t, ...sleep, { listen: [two, one, one, file, file.fd] })
  const env = await environmentOf(pid)
  assert.deepEqual([env.LISTEN_PID, env.LISTEN_FDS, env.LISTEN_FDNAMES], [String(pid), '5', undefined])
  const [tcp, unix] = [inodeOf(one._handle.fd), inodeOf(two.fd)]
  const expected = [...Array(3).fill('/dev/null'), unix, tcp, tcp, '/dev/zero', '/dev/zero']
  await hasOpen(pid, { ...expected })
})

test('spawnDaemon(): `listen` as an object also sets LISTEN_FDNAMES', { contract: 'D24' }, async (t) => {
  const [one, two] = [await server(t), await server(t)]
  const longest = 'ü'.repeat(255)
  const pid = await spawned(t, ...sleep, { listen: { web: two, admin: one, [longest]: one } })
  const env = await environmentOf(pid)
  assert.deepEqual([env.LISTEN_PID, env.LISTEN_FDS, env.LISTEN_FDNAMES], [String(pid), '3', `web:admin:${longest}`])
  const [first, second] = [one, two].map(({ _handle }) => inodeOf(_handle.fd))
  await hasOpen(pid, { ...Array(3).fill('/dev/null'), 3: second, 4: first, 5: first })
})

test('spawnDaemon(): `listen` replaces the LISTEN_ variables of the caller', { contract: 'D24' }, async (t) => {
  const env = { ...process.env, LISTEN_PID: String(process.pid), LISTEN_FDS: '7', LISTEN_FDNAMES: 'a:b' }
  const pid = await spawned(t, ...sleep, { listen: [await server(t)], env })
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = await environmentOf(pid)
  assert.deepEqual([LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES], [String(pid), '1', undefined])
})

test('spawnDaemon(): the daemon serves sockets that the caller has closed', { contract: 'D24' }, async (t) => {
  const one = net.createServer().listen(0, '127.0.0.1')
  await once(one, 'listening')
  const { port } = one.address()
  const file = path.join(temporary(t), 'socket')
  const unix = unixSocket(t, file)
  const pending = taker(t, { tcp: one, unix })
  // The call holds duplicates already.
  one.close()
  unix.close()
  const { pid } = await pending
  assert.equal(await answer(port, '127.0.0.1'), String(pid))
  assert.equal(await answer(file), String(pid))
})

test('spawnDaemon(): a Python program takes the sockets of `listen`', { contract: 'D24' }, async (t) => {
  const one = await server(t)
  const { port } = one.address()
  const pid = await spawned(t, PYTHON, [fixture('daemon/take-sockets.py')], { listen: { first: one } })
  one.close()
  assert.equal(await answer(port, '127.0.0.1'), `${pid} first`)
})

for (const [what, names] of [
  ['a colon', ['a:b']],
  ['a control character', ['a\nb']],
  ['no characters', ['']],
  ['256 characters', ['x'.repeat(256)]],
  ['a NUL', ['a\0']],
]) {
  test(`spawnDaemon(): refuses a socket name with ${what}`, { contract: 'D24 E2' }, async () => {
    const listen = Object.fromEntries(names.map((name) => [name, 0]))
    assert.equal((await rejection(spawnDaemon(...sleep, { listen }))).code, 'ERR_INVALID_ARG_VALUE')
  })
}

test('spawnDaemon(): refuses stdio beyond 2 with `listen`', { contract: 'D24 E2' }, async () => {
  const stdio = ['ignore', 'ignore', 'ignore', 'ignore']
  assert.equal((await rejection(spawnDaemon(...sleep, { listen: [0], stdio }))).code, 'ERR_INVALID_ARG_VALUE')
})

test('spawnDaemon(): refuses closed and invalid sockets in `listen`', { contract: 'D24 E3' }, async (t) => {
  const closed = await server(t)
  await new Promise((resolve) => closed.close(resolve))
  const handle = listenUnix(path.join(temporary(t), 'socket'))
  handle.close()
  const codes = []
  for (const one of [999, closed, handle, 'text']) {
    codes.push((await rejection(spawnDaemon(...sleep, { listen: [one] }))).code)
  }
  assert.deepEqual(codes, ['EBADF', 'ERR_INVALID_ARG_VALUE', 'ERR_PROCNATIVE_HANDLE_CLOSED', 'ERR_INVALID_ARG_TYPE'])
})

test('spawnDaemon(): refuses a bound Unix server, except abstract and listenUnix()', {
  contract: 'D24 H9',
}, async (t) => {
  const directory = temporary(t)
  const listening = async (where) => {
    const one = net.createServer().listen(where)
    await once(one, 'listening')
    t.after(() => one.close())
    return one
  }
  const bound = await listening(path.join(directory, 'bound'))
  assert.equal((await rejection(spawnDaemon(...sleep, { listen: [bound] }))).code, 'ERR_PROCNATIVE_UNIX_SERVER')
  const abstract = await listening(`\0${randomUUID()}`)
  const file = path.join(directory, 'file')
  const given = await listening({ fd: listenUnix(file).take() })
  const { pid, handles } = await taker(t, [abstract, given])
  assert.equal(handles.length, 2)
  await new Promise((resolve) => given.close(resolve))
  assert.equal(await answer(file), String(pid))
})

// ── listenFds() ──

test('listenFds(): gives named handles once, close-on-exec, not to children', { contract: 'D24' }, async (t) => {
  const [one, two] = [await server(t), await server(t)]
  const expected = [one, two].map(({ _handle }) => inodeOf(_handle.fd))
  const { pid, given, handles, left, second, child } = await taker(t, { one, two })
  assert.deepEqual(given, { LISTEN_PID: String(pid), LISTEN_FDS: '2', LISTEN_FDNAMES: 'one:two' })
  assert.deepEqual(handles, [
    { fd: 3, name: 'one', target: expected[0], closeOnExec: true },
    { fd: 4, name: 'two', target: expected[1], closeOnExec: true },
  ])
  assert.deepEqual(left, {})
  assert.equal(second, 0)
  assert.match(child, / 0 -> \/dev\/null/)
  for (const inherited of ['LISTEN_', ...expected]) assert.equal(child.includes(inherited), false, inherited)
})

test('listenFds(): name is null, no LISTEN_FDNAMES', { contract: 'D24' }, async (t) => {
  const { handles } = await taker(t, [await server(t)])
  assert.deepEqual(
    handles.map(({ fd, name }) => ({ fd, name })),
    [{ fd: 3, name: null }],
  )
})

async function variables(env, ...args) {
  // Without the variables that this test run may have inherited.
  const none = { LISTEN_PID: undefined, LISTEN_FDS: undefined, LISTEN_FDNAMES: undefined }
  const all = { ...process.env, ...none, ...env }
  const { stdout, stderr } = await runScript(fixture('daemon/report-listen-fds.cjs'), args, { env: all })
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout)
}

test('listenFds(): returns nothing, LISTEN_PID of another process', { contract: 'D24' }, async () => {
  for (const LISTEN_PID of ['1', '0', '', String(process.pid)]) {
    const env = { LISTEN_PID, LISTEN_FDS: '1', LISTEN_FDNAMES: 'one' }
    assert.deepEqual(await variables(env), { count: 0, ...env })
  }
})

test('listenFds(): returns nothing, no variables', { contract: 'D24' }, async () => {
  assert.deepEqual(await variables({}), { count: 0 })
})

test('listenFds(): throws EBADF and changes nothing, closed descriptor', { contract: 'D24' }, async () => {
  const env = { LISTEN_PID: 'own', LISTEN_FDS: '500', LISTEN_FDNAMES: 'one' }
  assert.deepEqual(await variables(env), { code: 'EBADF', syscall: 'fstat', ...env })
})

test('listenFds(): returns nothing, garbage in LISTEN_FDS', { contract: 'D24' }, async () => {
  for (const LISTEN_FDS of ['', '0', '-1', 'many', '1e9', '1 or 2']) {
    assert.equal((await variables({ LISTEN_PID: 'own', LISTEN_FDS })).count, 0)
  }
})

test('listenFds(): returns nothing in a worker thread, leaves the variables', async () => {
  const env = { LISTEN_PID: 'own', LISTEN_FDS: '1', LISTEN_FDNAMES: undefined }
  const { count, LISTEN_FDS } = await variables(env, 'worker')
  assert.deepEqual([count, LISTEN_FDS], [0, '1'])
})

const ACTIVATE = 'systemd-socket-activate'

/** Runs fixtures/take-sockets.cjs by systemd-socket-activate, which starts it at the first connection. */
async function activated(context, flags, options) {
  const directory = temporary(context)
  const [file, log] = ['socket', 'log'].map((name) => path.join(directory, name))
  const free = await server(context)
  const { port } = free.address()
  await new Promise((resolve) => free.close(resolve))
  const settings = options && [JSON.stringify({ stdout: log, ...options })]
  const program = [process.execPath, fixture('daemon/take-sockets.cjs'), log, ...(settings ?? [])]
  // systemd-socket-activate passes on only the variables of -E.
  const kept = Object.keys(process.env).flatMap((name) => ['-E', name])
  const listening = ['-l', `127.0.0.1:${port}`, '-l', file]
  const { child, ended } = run(ACTIVATE, [...kept, ...listening, ...flags, ...program])
  context.after(() => end(child.pid).then(() => ended))
  await until(() => fs.existsSync(file), 'systemd-socket-activate listens')
  const answered = [await answer(port, '127.0.0.1'), await answer(file)]
  const facts = firstLine(log)
  context.after(() => end(facts.pid))
  return { ...facts, answered, activator: child.pid }
}

for (const [what, flags, names] of [
  ['without names', [], ['unknown', 'unknown']],
  ['with --fdname', ['--fdname=a:b'], ['a', 'b']],
]) {
  test(`listenFds(): takes TCP and Unix sockets from systemd-socket-activate, ${what}`, {
    contract: 'D24',
    ...needs(ACTIVATE, hasProgram(ACTIVATE)),
  }, async (t) => {
    const { pid, activator, handles, answered, left } = await activated(t, flags)
    assert.equal(pid, activator)
    assert.deepEqual(
      handles.map(({ fd, closeOnExec }) => ({ fd, closeOnExec })),
      [
        { fd: 3, closeOnExec: true },
        { fd: 4, closeOnExec: true },
      ],
    )
    // Without --fdname, versions of systemd-socket-activate differ in the names.
    if (flags.length > 0) {
      assert.deepEqual(
        handles.map(({ name }) => name),
        names,
      )
    }
    assert.deepEqual(answered, [String(pid), String(pid)])
    assert.deepEqual(left, {})
  })
}

test('listenFds(): a daemon takes sockets from systemd-socket-activate', {
  contract: 'D24',
  ...needs(`${ACTIVATE} and Node.js`, hasProgram(ACTIVATE) && isNode),
}, async (t) => {
  const { pid, activator, handles, answered } = await activated(t, ['--fdname=a:b'], { cwd: '/' })
  assert.notEqual(pid, activator)
  assert.deepEqual(
    handles.map(({ fd, name }) => ({ fd, name })),
    [
      { fd: 3, name: 'a' },
      { fd: 4, name: 'b' },
    ],
  )
  assert.deepEqual(answered, [String(pid), String(pid)])
})
