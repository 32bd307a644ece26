// The tests' side of fixtures/peer.py: a process that is not ours at the other end of a channel.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { channel, socketpair } from '../../index.js'
import { temporary } from './harness.mjs'
import { fixture, run } from './run.mjs'
import { PYTHON } from './spawned.mjs'

/** As the environment of a program says it that finds its end of a channel at 3. */
export function joining({ fd }, { serialization = 'json' } = {}) {
  return { ...process.env, PROCNATIVE_CHANNEL_FD: `3:${inodeOf(fd)}:${serialization}` }
}

/** Starts a program of Python's with a channel; `succeeded()` is what it has printed. Both end with the test. */
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

/** So many descriptors, each of a file of its own, and the inodes of these; closed when the test is over. */
export function files(context, count) {
  const directory = temporary(context)
  const fds = Array.from({ length: count }, (_, index) => fs.openSync(path.join(directory, `${index}`), 'w'))
  context.after(() => fds.map((fd) => fs.closeSync(fd)))
  return { fds, inodes: fds.map(inodeOf) }
}

/** By the link, which any runtime follows, whoever has opened it. */
export const inodeOf = (fd) => fs.statSync(`/proc/self/fd/${fd}`).ino

/** A message, and what its handles lead to; they are closed. */
export function noted(message, handles) {
  const inodes = handles.map(({ fd }) => inodeOf(fd))
  for (const handle of handles) handle.close()
  return { message, inodes }
}

/** All that a channel has to say until it is closed. */
export async function received(channel) {
  const all = []
  for await (const { message, handles } of channel) all.push(noted(message, handles))
  return all
}
