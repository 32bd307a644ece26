// notify(): messages to a service manager.
// runtimes: node, bun

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { notify } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { PYTHON } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'

function withSocket(context, socket) {
  const before = process.env.NOTIFY_SOCKET
  context.after(() => {
    if (before === undefined) delete process.env.NOTIFY_SOCKET
    else process.env.NOTIFY_SOCKET = before
  })
  if (socket === undefined) delete process.env.NOTIFY_SOCKET
  else process.env.NOTIFY_SOCKET = socket
}

for (const kind of ['a path', 'an abstract name']) {
  test(`notify(): sends one line and many lines to ${kind}`, { contract: 'D24' }, async (t) => {
    const name = randomUUID()
    const address = kind === 'a path' ? path.join(temporary(t), name) : `@${name}`
    const { child, ended } = run(PYTHON, [fixture('daemon/receive-messages.py'), address])
    t.after(() => end(child.pid).then(() => ended))
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    await until(() => reports(text).length === 1)
    withSocket(t, address)
    const states = ['READY=1', 'STATUS=ü, and more\nWATCHDOG=1\nX=', 'x'.repeat(50_000)]
    for (const state of states) assert.equal(notify(state), true)
    await until(() => text.split('\n').length === states.length + 2)
    assert.deepEqual(reports(text), ['bound', ...states])
    assert.throws(() => notify('x'.repeat(2 ** 20)), { code: 'EMSGSIZE', syscall: 'sendmsg', path: address })
    assert.equal(process.env.NOTIFY_SOCKET, address)
  })
}

test('notify(): returns false, no NOTIFY_SOCKET or no listener', { contract: 'D24' }, async (t) => {
  const dead = path.join(temporary(t), 'dead')
  const { child, ended } = run(PYTHON, [fixture('daemon/receive-messages.py'), dead])
  await until(() => fs.existsSync(dead))
  await end(child.pid)
  await ended
  for (const socket of [undefined, '', '/no such/socket', `@${randomUUID()}`, dead]) {
    withSocket(t, socket)
    assert.equal(notify('READY=1'), false, socket)
  }
})

test('notify(): refuses a missing or invalid state, no NOTIFY_SOCKET', { contract: 'D24 E2' }, (t) => {
  withSocket(t, undefined)
  assert.throws(() => notify(), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => notify(''), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => notify('a\0b'), { code: 'ERR_INVALID_ARG_VALUE' })
})
