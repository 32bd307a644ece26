// What the tests of waiting, and the programs that they run, have in common: children, and what is said of their ends.

import assert from 'node:assert/strict'
import childProcess from 'node:child_process'
import { once } from 'node:events'
import os from 'node:os'
import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'
import { spawn } from '../../index.js'
import { until } from './until.mjs'

/** Ends a child and gives it up, whatever has become of it. */
export function release(child) {
  try {
    child.kill('SIGKILL')
  } catch (error) {
    if (error.code !== 'ERR_PROCNATIVE_PROCESS_CLOSED') throw error
  }
  child.close()
}

/** A child, ended when the test is over. */
export function started(context, file, args, options = {}) {
  const child = spawn(file, args, { stdio: 'ignore', ...options })
  context.after(() => release(child))
  return child
}

/** The same, of a script of sh's. */
export const shell = (context, script, options) => started(context, 'sh', ['-c', script], options)

/** The same, which does nothing until it is ended. */
export const sleeper = (context, options) => started(context, 'sleep', ['1000'], options)

/** What a status says, but for the usage, which differs from child to child. */
export function told(status) {
  if (status === null) return null
  const { usage, ...rest } = status
  return rest
}

/** A child of a child, which does as `script` says at `end()`; its parent does as that one says. */
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
    /** What its parent has said of it. */
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

// Since 6.15 Linux tells how a process ended also when it was reaped.
const [major, minor] = os.release().split('.').map(Number)
const tellsReaped = major > 6 || (major === 6 && minor >= 15)

/** Whether a status is as expected, where it may have been reaped by somebody else. */
export function isStatus(status, expected) {
  const isUnknown = !tellsReaped && status.state === 'unknown'
  assert.deepEqual(told(status), isUnknown ? unknown(expected.pid) : expected)
}

/** A worker thread that makes calls: see make-calls-worker.mjs. */
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
    /** Has it make a call; resolves with the result, or rejects with the error's code, pid and message. */
    async call(order, ...args) {
      const number = asked++
      worker.postMessage({ number, order, args })
      const { value, error } = await until(() => answers.get(number), `${order}() in a worker`)
      if (error) throw Object.assign(new Error(error.message), error)
      return value
    },
    /** The 'exit' event of a child of child_process there. */
    exitOf: (pid) => until(() => events.find((event) => event.pid === pid), `${pid} has its 'exit' event`),
  }
}
