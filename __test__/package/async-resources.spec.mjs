// Asynchronous resources for async_hooks, which test runners use to find open objects.

import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import path from 'node:path'
import { channel, connectChannel, listenChannel, socketpair, spawn, spawnDaemon, stopDaemon } from '../../index.js'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'

const NODE = needs('Node.js', isNode)

/** Records the resources of procnative that begin from now on, by id. */
function resources(t) {
  const open = new Map()
  const hook = createHook({
    init: (id, type, _, resource) => type.startsWith('PROCNATIVE') && open.set(id, { type, resource }),
    destroy: (id) => open.delete(id),
  })
  t.after(() => hook.disable())
  hook.enable()
  return open
}

const types = (open) => [...open.values()].map(({ type }) => type)

// async_hooks reports a destroyed resource in a later turn.
const turn = () => new Promise(setImmediate)

test('async_hooks: a wait is a resource until the process has ended', NODE, async (t) => {
  const open = resources(t)
  const child = spawn('cat', [], { stdio: ['pipe', 'ignore', 'ignore'] })
  const ended = child.wait()
  const again = child.wait()
  assert.deepEqual(types(open), ['PROCNATIVEWAIT'])
  const [{ resource }] = open.values()
  assert.equal(resource.hasRef(), true)
  child.unref()
  assert.equal(resource.hasRef(), false)
  child.ref()
  child.stdio[0].end()
  await Promise.all([ended, again, once(child.stdio[0], 'close')])
  await turn()
  assert.deepEqual(types(open), [])
})

test('async_hooks: an aborted wait is not a resource any more', NODE, async (t) => {
  const open = resources(t)
  const child = spawn('sleep', ['3600'], { stdio: 'ignore' })
  const controller = new AbortController()
  const waits = child.wait({ signal: controller.signal })
  assert.deepEqual(types(open), ['PROCNATIVEWAIT'])
  controller.abort()
  await assert.rejects(waits, { name: 'AbortError' })
  await turn()
  assert.deepEqual(types(open), [])
  child.kill('SIGKILL')
  await child.wait()
})

test('async_hooks: connections and daemon starts are resources until they settle', NODE, async (t) => {
  const directory = temporary(t)
  const pidFile = path.join(directory, 'pid')
  const server = await listenChannel(path.join(directory, 'socket'))
  const open = resources(t)
  const connecting = connectChannel(server.path)
  assert.ok(types(open).includes('PROCNATIVECONNECT'))
  const channel = await connecting
  channel.destroy()
  const starting = spawnDaemon('sleep', ['3600'], { pidFile })
  assert.ok(types(open).includes('PROCNATIVESTARTDAEMON'))
  const { pid } = await starting
  const stopping = stopDaemon(pidFile)
  assert.ok(types(open).includes('PROCNATIVESTOPDAEMON'))
  assert.equal((await stopping).pid, pid)
  await server.close()
  await turn()
  assert.deepEqual(types(open), [])
})

test('async_hooks: an open channel is a resource, hasRef() follows its use', NODE, async (t) => {
  const open = resources(t)
  const [one, other] = socketpair().map((handle) => channel(handle))
  assert.deepEqual(types(open), ['PROCNATIVECHANNEL', 'PROCNATIVECHANNEL'])
  const [{ resource }] = open.values()
  assert.equal(resource.hasRef(), false)
  one.on('message', () => {})
  assert.equal(resource.hasRef(), true)
  one.unref()
  assert.equal(resource.hasRef(), false)
  one.destroy()
  other.destroy()
  await turn()
  assert.deepEqual(types(open), [])
})

test('async_hooks: a channel server is a resource until it is closed', NODE, async (t) => {
  const open = resources(t)
  const server = await listenChannel(path.join(temporary(t), 'socket'))
  assert.deepEqual(types(open), ['PROCNATIVECHANNELSERVER'])
  const [{ resource }] = open.values()
  assert.equal(resource.hasRef(), true)
  await server.close()
  await turn()
  assert.deepEqual(types(open), [])
})
