// Channels under test, whose other end is a channel, a bare socket, or another process.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { channel, recvFds, socketpair } from '../../index.js'
import { descriptors } from './proc.mjs'
import { fixture, scriptCommand } from './run.mjs'
import { PYTHON } from './spawned.mjs'
import { until } from './until.mjs'

// The first channel of a thread opens descriptors for all channels. Open them before tests count descriptors.
for (const handle of socketpair()) channel(handle).destroy()

export const CLOSED = { code: 'ERR_PROCNATIVE_CHANNEL_CLOSED' }

/** Returns two connected channels, destroyed with the test. */
export function pair(context, ...options) {
  const ends = socketpair().map((handle, index) => channel(handle, options[index] ?? options[0]))
  context.after(() => ends.map((end) => end.destroy()))
  return ends
}

/** Returns a channel, and a bare socket that is connected to the channel. */
export function bare(context, options) {
  const [ours, theirs] = socketpair()
  const end = channel(ours, options)
  context.after(() => {
    end.destroy()
    theirs.close()
  })
  return [end, theirs]
}

/** Listens for the next `count` messages of a channel. Their handles are closed with the test. */
export function messages(context, from, count) {
  const found = []
  return new Promise((resolve, reject) => {
    const stop = (settle, value) => {
      for (const [event, listener] of Object.entries(listeners)) from.off(event, listener)
      settle(value)
    }
    const listeners = {
      message: (message, handles) => {
        context.after(() => handles.map((handle) => handle.close()))
        found.push({ message, handles })
        if (found.length === count) stop(resolve, found)
      },
      error: (error) => stop(reject, error),
      close: () => stop(reject, new Error(`closed after ${found.length} of ${count} messages`)),
    }
    for (const [event, listener] of Object.entries(listeners)) from.on(event, listener)
  })
}

/** Returns the next `count` messages of a channel, which must have no handles. */
export async function words(context, from, count) {
  return (await messages(context, from, count)).map(({ message, handles }) => {
    assert.deepEqual(handles, [])
    return message
  })
}

/** Records the further errors and the end of a channel, in order. */
export function events(of) {
  const all = []
  of.on('error', (error) => all.push(error))
  of.on('close', () => all.push('close'))
  return all
}

/** Waits for turns of the event loop: enough time for an event that must not happen. */
export async function turns(count = 200) {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

/** Returns an object whose `settled` becomes true when the promise settles. */
export function watch(promise) {
  const found = { settled: false }
  const settle = () => {
    found.settled = true
  }
  promise.then(settle, settle)
  return found
}

export { files } from './handles.mjs'

/** Returns the device and inode of a descriptor, which identify its file or socket. */
export function identity(fd) {
  const { dev, ino } = fs.fstatSync(fd, { bigint: true })
  return `${dev}:${ino}`
}

export const identities = (handles) => handles.map(({ fd }) => identity(fd))

/** Returns the number of open descriptors of the kinds that tests send. The runtime opens other kinds at any time. */
export function openCount() {
  const isOurs = (what) =>
    ['socket:', '/dev/', path.join(os.tmpdir(), 'procnative-')].some((prefix) => what.startsWith(prefix))
  return Object.values(descriptors()).filter(isOurs).length
}

/** Receives all that waits at a bare socket. The handles are closed with the test. */
export function arrived(context, socket, options) {
  const parts = []
  const handles = []
  for (;;) {
    try {
      const received = recvFds(socket, options)
      if (received === null) return { data: Buffer.concat(parts), handles, ended: true }
      parts.push(received.data)
      handles.push(...received.handles)
      context.after(() => received.handles.map((handle) => handle.close()))
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
      return { data: Buffer.concat(parts), handles, ended: false }
    }
  }
}

const CARRIER = 2 ** 30
const AHEAD = 2 ** 31

/** Parses the bytes of a channel (docs/wire-format.md). Returns the messages, each with its end in the bytes. */
export function frames(data) {
  const found = []
  for (let at = 0; at < data.length; ) {
    const word = data.readUInt32LE(at + 4)
    const end = at + 8 + data.readUInt32LE(at)
    assert.ok(end <= data.length, 'the last frame is complete')
    const carrier = (word & CARRIER) !== 0
    if (!carrier) found.push({ text: data.toString('utf8', at + 8, end), count: word & (CARRIER - 1), end })
    assert.ok(!carrier || word === CARRIER + AHEAD)
    at = end
  }
  return found
}

/** Runs a fixture that prints lines of JSON, killed with the test. `prefix` is a command that runs the program. */
export function program(context, script, args = [], { prefix = [], flags = [], stdio = [] } = {}) {
  const command = script.endsWith('.py')
    ? [PYTHON, fixture(script), ...args]
    : [process.execPath, ...flags, ...scriptCommand(fixture(script), ...args)]
  const [file, ...rest] = [...prefix, ...command].map(String)
  const child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'inherit', ...stdio] })
  return { child, ...listen(context, child) }
}

/** Runs a fixture with the other end of a channel at descriptor 3. */
export function peer(context, script, args = [], { options, ...settings } = {}) {
  const [ours, theirs] = socketpair()
  const started = program(context, script, args, { ...settings, stdio: [theirs.fd] })
  theirs.close()
  const end = channel(ours, options)
  context.after(() => end.destroy())
  return { end, ...started }
}

/** Reads the lines of JSON that a child prints, and waits for its end. The child is killed with the test. */
export function listen(context, child) {
  const said = []
  createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line)))
  child.stdin?.on('error', () => {})
  const closed = once(child, 'close')
  context.after(async () => {
    child.kill('SIGKILL')
    await closed
  })
  return {
    said,
    told: (name) => until(() => said.find((one) => Object.hasOwn(one, name)), `the child tells ${name}`),
    /** Returns the exit code and the lines. Throws if a signal ended the child. */
    ended: async () => {
      const [code, signal] = await closed
      assert.equal(signal, null)
      return { code, said }
    },
  }
}

/** Debian's user `nobody`. */
export const NOBODY = 65534
export const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
