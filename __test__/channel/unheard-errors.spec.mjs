// Programs that neither listen for 'error' nor await send(). A peer must not be able to end them.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import { connectChannel, fork } from '../../index.js'
import { bare, program, turns, words } from '../helpers/channels.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { fixture } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { frame } from './helpers/hostile-peer.mjs'

const json = (value) => frame(JSON.stringify(value))

/** Runs a server without an 'error' listener. Returns its output after a connection sent `bytes` and closed. */
async function after(t, bytes) {
  const address = path.join(temporary(t), 'socket')
  const { said, told } = program(t, 'channel/serve-without-error-listener.mjs', [address])
  await told('listens')
  const socket = net.connect(address)
  await once(socket, 'connect')
  socket.end(bytes, () => socket.destroy())
  socket.on('error', () => {})
  await told('closed')
  const client = await connectChannel(address)
  const [answer] = await Promise.all([words(t, client, 1), client.send('hello')])
  assert.deepEqual(answer, [{ got: [] }])
  await client.close()
  return said.filter((one) => !('listens' in one || 'closed' in one))
}

const faults = {
  garbage: ['GET / HTTP/1.1\r\n\r\n', 'ERR_PROCNATIVE_MESSAGE_TOO_LONG'],
  'half a message': [json('x').subarray(0, 5), 'ERR_PROCNATIVE_MESSAGE_CUT'],
  'invalid JSON': [frame('{'), 'ERR_PROCNATIVE_MESSAGE_INVALID'],
}

for (const [what, [bytes, code]] of Object.entries(faults)) {
  test(`Channel: warns without an 'error' listener, after ${what}`, async (t) => {
    assert.deepEqual(await after(t, bytes), [{ warning: code }])
  })
}

test('Channel send(): causes no unhandled rejection at the peer’s end', async (t) => {
  const many = Buffer.concat(Array(3000).fill(json('x')))
  assert.deepEqual(await after(t, many), [])
  assert.deepEqual(await after(t, json('answer when I am gone')), [])
})

test('Channel send(): causes an unhandled rejection after its own close()', async (t) => {
  assert.deepEqual(await after(t, json('close')), [{ unhandled: 'ERR_PROCNATIVE_CHANNEL_CLOSED' }])
})

for (const [how, end] of [
  ['destroy()', (one) => one.destroy()],
  ['the peer’s end', (_, theirs) => theirs.close()],
]) {
  test(`Channel send(): causes no unhandled rejection, queued before ${how}`, async (t) => {
    const [one, theirs] = bare(t)
    const unhandled = []
    const note = ({ code }) => unhandled.push(code)
    process.on('unhandledRejection', note)
    t.after(() => process.off('unhandledRejection', note))
    one.send('x'.repeat(1 << 20))
    await turns()
    end(one, theirs)
    await until(() => one.closed, 'its end')
    await turns()
    assert.deepEqual(unhandled, [])
  })
}

test('Channel send(): rejects for a waiting caller, peer gone', async (t) => {
  const [one, theirs] = bare(t)
  const waits = [one.send('x'.repeat(1 << 20)), one.send('x')]
  theirs.close()
  for (const sent of waits) await assert.rejects(sent, { code: 'EPIPE', syscall: 'sendmsg' })
  await until(() => one.closed, 'its end')
  await assert.rejects(one.send('x'), { code: 'ERR_PROCNATIVE_CHANNEL_CLOSED' })
})

test('fork(): warns if a child dies in the middle of a message', needs('Node.js', isNode), async (t) => {
  const warned = once(process, 'warning')
  const child = fork(fixture('channel/send-long.mjs'))
  t.after(() => child.kill('SIGKILL'))
  await once(child, 'message')
  child.kill('SIGKILL')
  child.handles.on('message', () => assert.fail('the message is whole'))
  const [{ code }] = await warned
  assert.equal(code, 'ERR_PROCNATIVE_MESSAGE_CUT')
})
