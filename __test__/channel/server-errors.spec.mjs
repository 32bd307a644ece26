// Errors of listenChannel() and connectChannel().
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { connectChannel, listenChannel } from '../../index.js'
import { listen, openCount, words } from '../helpers/channels.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { PYTHON } from '../helpers/spawned.mjs'
import { answer, connect, serve, socketIn } from './helpers/channel-server.mjs'

/** A Python program that has a socket for datagrams at a path, until its input ends. */
const DATAGRAMS = `import socket, sys
one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
one.bind(sys.argv[1])
print('{"there": true}', flush=True)
sys.stdin.read()`

test('listenChannel(): fails at a taken or wrong path, changes nothing', { contract: 'H11' }, async (t) => {
  const at = socketIn(t)
  await serve(t, at, {}, answer)
  const before = openCount()
  await assert.rejects(listenChannel(at), { code: 'EADDRINUSE', syscall: 'bind', path: at })
  await assert.rejects(listenChannel(path.join(path.dirname(at), 'nowhere/socket')), {
    code: 'ENOENT',
    syscall: 'bind',
  })
  await assert.rejects(listenChannel(`${at}${'x'.repeat(108)}`), { code: 'ENAMETOOLONG' })
  assert.equal(openCount(), before)
  const one = await connect(t, at)
  one.send('still')
  assert.deepEqual(await words(t, one, 1), ['still'])
})

test('connectChannel(): fails without a server, leaves no descriptor', { contract: 'H11' }, async (t) => {
  const directory = temporary(t)
  const before = openCount()
  const nowhere = path.join(directory, 'nowhere')
  await assert.rejects(connectChannel(nowhere), { code: 'ENOENT', errno: -2, syscall: 'connect', path: nowhere })
  await assert.rejects(connectChannel('@procnative-nobody'), { code: 'ECONNREFUSED', syscall: 'connect' })
  const file = path.join(directory, 'file')
  fs.writeFileSync(file, '')
  await assert.rejects(connectChannel(file), { code: 'ECONNREFUSED', path: file })
  await assert.rejects(connectChannel(path.join(directory, 'x'.repeat(108))), { code: 'ENAMETOOLONG' })
  assert.equal(openCount(), before)
})

test('connectChannel(): fails with EPROTOTYPE for a socket of another type', { contract: 'H11' }, async (t) => {
  const at = socketIn(t)
  const child = spawn(PYTHON, ['-c', DATAGRAMS, at], { stdio: ['pipe', 'pipe', 'inherit'] })
  await listen(t, child).told('there')
  await assert.rejects(connectChannel(at), { code: 'EPROTOTYPE', syscall: 'connect', path: at })
  child.stdin.end()
})

test('listenChannel(), connectChannel(): reject for wrong arguments', { contract: 'E2' }, async (t) => {
  const at = socketIn(t)
  for (const [where, options, code] of [
    [1, {}, 'ERR_INVALID_ARG_TYPE'],
    ['', {}, 'ERR_INVALID_ARG_VALUE'],
    ['a\0b', {}, 'ERR_INVALID_ARG_VALUE'],
    [at, { serialization: 'xml' }, 'ERR_INVALID_ARG_VALUE'],
    [at, { maxHandle: 1 }, 'ERR_INVALID_ARG_VALUE'],
  ]) {
    await assert.rejects(connectChannel(where, options), { code })
    await assert.rejects(listenChannel(where, options), { code })
  }
  await assert.rejects(listenChannel(at, { authorize: true }), { code: 'ERR_INVALID_ARG_TYPE' })
  await assert.rejects(listenChannel(at, { mode: 0o1000 }), { code: 'ERR_OUT_OF_RANGE' })
  await assert.rejects(connectChannel(at, { mode: 0o600 }), { code: 'ERR_INVALID_ARG_VALUE' })
  await assert.rejects(listenChannel(at, {}, 'no function'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.deepEqual(fs.readdirSync(path.dirname(at)), [])
})
