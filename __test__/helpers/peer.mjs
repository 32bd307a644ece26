// The tests' side of fixtures/peer.py: a program in Python at the other end of a channel.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { channel, socketpair } from '../../index.js'
import { temporary } from './harness.mjs'
import { fixture, run } from './run.mjs'
import { PYTHON } from './spawned.mjs'

/** Returns the environment of a program that has its end of a channel at descriptor 3. */
export function joining({ fd }, { serialization = 'json' } = {}) {
  return { ...process.env, PROCNATIVE_CHANNEL_FD: `3:${inodeOf(fd)}:${serialization}` }
}

/** Starts a Python program with a channel. `succeeded()` returns its output at its end. Both end with the test. */
export function peer(context, [script, ...args], options = {}) {
  const [ours, theirs] = socketpair()
  const { child, ended } = run(PYTHON, ['-B', fixture(script), ...args], {
    stdio: ['pipe', 'pipe', 'pipe', theirs.fd],
    env: joining(theirs, options),
  })
  theirs.close()
  const one = channel(ours, options)
  context.after(() => {
    one.destroy()
    child.kill('SIGKILL')
    return ended
  })
  return { channel: one, child, ended, succeeded: async () => output(await ended) }
}

function output({ code, signal, stdout, stderr }) {
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
  return stdout
}

/** Opens `count` new files. Returns their descriptors and inodes. They are closed with the test. */
export function files(context, count) {
  const directory = temporary(context)
  const fds = Array.from({ length: count }, (_, index) => fs.openSync(path.join(directory, `${index}`), 'w'))
  context.after(() => fds.map((fd) => fs.closeSync(fd)))
  return { fds, inodes: fds.map(inodeOf) }
}

/** Returns the inode of a descriptor. Any runtime follows the link in /proc, also of descriptors that it did not open. */
export const inodeOf = (fd) => fs.statSync(`/proc/self/fd/${fd}`).ino

/** Returns a message and the inodes of its handles. Closes the handles. */
export function noted(message, handles) {
  const inodes = handles.map(({ fd }) => inodeOf(fd))
  for (const handle of handles) handle.close()
  return { message, inodes }
}

/** Returns all messages of a channel until it closes. */
export async function received(channel) {
  const all = []
  for await (const { message, handles } of channel) all.push(noted(message, handles))
  return all
}
