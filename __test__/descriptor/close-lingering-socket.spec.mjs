// H5, H12: a socket that was received may be set to linger, by whoever has sent it: to close it is not to wait for that.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { recvFds, socketpair } from '../../index.js'
import { messages, peer, program } from '../helpers/channels.mjs'
import { test } from '../helpers/harness.mjs'

const LINGER = 10

/** That it waits for no other process: it is over long before the socket has lingered. */
function isAtOnce(work) {
  const start = performance.now()
  work()
  const took = (performance.now() - start) / 1000
  assert.ok(took < LINGER / 2, `${took} s`)
}

test('to close the handle of a socket that lingers does not wait for that', { contract: 'H5' }, async (t) => {
  const { end, told } = peer(t, 'channel-lingers.py', [LINGER, 1])
  await told('sent')
  const [{ handles }] = await messages(t, end, 1)
  assert.equal(handles[0].kind, 'tcp-socket')
  isAtOnce(() => handles[0].close())
})

test('nor does recvFds() wait, which closes what is more than `maxFds`', { contract: 'H12' }, async (t) => {
  const [ours, theirs] = socketpair()
  t.after(() => ours.close())
  const { told } = program(t, 'channel-lingers.py', [LINGER, 1], { stdio: [theirs.fd] })
  theirs.close()
  await told('sent')
  isAtOnce(() => {
    const { handles, truncated } = recvFds(ours, { maxFds: 0 })
    assert.deepEqual({ handles, truncated }, { handles: [], truncated: true })
  })
})
