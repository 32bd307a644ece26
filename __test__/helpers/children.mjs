// Children of spawn(), expected statuses, and a worker thread that makes calls. For tests, and for their fixtures.

import assert from 'node:assert/strict'
import childProcess from 'node:child_process'
import { once } from 'node:events'
import os from 'node:os'
import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'
import { spawn } from '../../index.js'
import { until } from './until.mjs'

/** Kills and closes a child in any state. */
export function release(child) {
  try {
    child.kill('SIGKILL')
  } catch (error) {
    if (error.code !== 'ERR_PROCNATIVE_PROCESS_CLOSED') throw error
  }
  child.close()
}

/** Starts a child, and kills it at the end of the test. */
export function started(context, file, args, options = {}) {
  const child = spawn(file, args, { stdio: 'ignore', ...options })
  context.after(() => release(child))
  return child
}

/** Like started(), for a script of sh. */
export const shell = (context, script, options) => started(context, 'sh', ['-c', script], options)

/** Like started(), for a program that sleeps until it is killed. */
export const sleeper = (context, options) => started(context, 'sleep', ['1000'], options)

/** Returns a status without its usage, which differs from child to child. */
export function told(status) {
  if (status === null) return null
  const { usage, ...rest } = status
  return rest
}

/** Starts a child of a child. It runs `script` after `end()`; its parent runs the script `parent`. */
export async function grandchild(context, script, parent) {
  const family = `exec 4<&0; sh -c 'read line <&4; ${script}' & echo $!; ${parent}`
  const child = childProcess.spawn('sh', ['-c', family], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const ended = once(child, 'close')
  context.after(() => {
    child.kill('SIGKILL')
    return ended
  })
  const pid = Number(await until(() => lines[0], 'the pid of the child of the child'))
  return {
    pid,
    end: () => child.stdin.end('\n'),
    /** Returns the line that its parent has printed about its end. */
    status: async () => {
      await ended
      return lines[1]
    },
  }
}

const nothing = { exitCode: null, signal: null, coreDumped: false }
export const exited = (pid, exitCode) => ({ ...nothing, pid, state: 'exited', exitCode })
export const killed = (pid, signal, coreDumped = false) => ({ ...nothing, pid, state: 'killed', signal, coreDumped })
export const stopped = (pid, signal) => ({ ...nothing, pid, state: 'stopped', signal })
export const continued = (pid) => ({ ...nothing, pid, state: 'continued' })
export const unknown = (pid) => ({ ...nothing, pid, state: 'unknown' })

// Since Linux 6.15, a pidfd has the status of a process after its parent has reaped it.
const [major, minor] = os.release().split('.').map(Number)
const tellsReaped = major > 6 || (major === 6 && minor >= 15)

/** Checks a status of a process that another process may have reaped. */
export function assertStatus(status, expected) {
  const isUnknown = !tellsReaped && status.state === 'unknown'
  assert.deepEqual(told(status), isUnknown ? unknown(expected.pid) : expected)
}

/** Starts a worker thread that makes calls on request (fixtures/make-calls-worker.mjs). */
export async function caller(context) {
  const worker = new Worker(new URL('../fixtures/make-calls-worker.mjs', import.meta.url))
  const answers = new Map()
  const events = []
  worker.on('message', ({ number, event, ...answer }) => (event ? events.push(event) : answers.set(number, answer)))
  const exit = once(worker, 'exit')
  context.after(() => worker.terminate())
  let asked = 0
  return {
    worker,
    exit,
    /** Makes the worker make a call; resolves with its result, or rejects with the code, pid and message of its error. */
    async call(order, ...args) {
      const number = asked++
      worker.postMessage({ number, order, args })
      const { value, error } = await until(() => answers.get(number), `${order}() in a worker`)
      if (error) throw Object.assign(new Error(error.message), error)
      return value
    },
    /** Returns the 'exit' event of a child of child_process in the worker. */
    exitOf: (pid) => until(() => events.find((event) => event.pid === pid), `${pid} has its 'exit' event`),
  }
}
