// A received socket may have SO_LINGER set by its sender. Closing the socket must not wait until it has lingered.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { recvFds, socketpair } from '../../index.js'
import { messages, peer, program } from '../helpers/channels.mjs'
import { test } from '../helpers/harness.mjs'

const LINGER = 10

/** Checks that `work` returns long before the socket has lingered. */
function isAtOnce(work) {
  const start = performance.now()
  work()
  const took = (performance.now() - start) / 1000
  assert.ok(took < LINGER / 2, `${took} s`)
}

test('Handle close(): does not wait for a lingering socket', { contract: 'H5' }, async (t) => {
  const { end, told } = peer(t, 'pass-lingering-socket.py', [LINGER, 1])
  await told('sent')
  const [{ handles }] = await messages(t, end, 1)
  assert.equal(handles[0].kind, 'tcp-socket')
  isAtOnce(() => handles[0].close())
})

test('recvFds(): does not wait for a lingering socket beyond maxFds', { contract: 'H12' }, async (t) => {
  const [ours, theirs] = socketpair()
  t.after(() => ours.close())
  const { told } = program(t, 'pass-lingering-socket.py', [LINGER, 1], { stdio: [theirs.fd] })
  theirs.close()
  await told('sent')
  isAtOnce(() => {
    const { handles, truncated } = recvFds(ours, { maxFds: 0 })
    assert.deepEqual({ handles, truncated }, { handles: [], truncated: true })
  })
})
