// Running an example as its reader would.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { root } from './run.mjs'
import { until } from './until.mjs'

export const examplePath = (name) => path.join(root, 'examples', name)

/**
 * Starts examples/NAME, by default its main.js, with this runtime. What it prints can be waited for; it is killed with the
 * test, if it has not ended by then. `prefix`: what stands before the command. `child.stdin` is open until somebody ends it.
 */
export function example(t, name, args = [], { prefix = [], ...options } = {}) {
  const script = examplePath(name.endsWith('.js') ? name : `${name}/main.js`)
  const [file, ...rest] = [...prefix, process.execPath, script, ...args].map(String)
  const child = spawn(file, rest, { stdio: 'pipe', ...options })
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr']) {
    child[stream]?.setEncoding('utf8').on('data', (text) => {
      output[stream] += text
    })
  }
  child.stdin?.on('error', () => {})
  const ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  // Whoever has inherited its output may keep that open: an example can leave a daemon.
  t.after(() => {
    child.kill('SIGKILL')
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy()
    return ended
  })
  return {
    child,
    output,
    /** What a line of its output matches, once there is one. */
    says: (pattern) => until(() => output.stdout.match(pattern), `it prints ${pattern}`).catch(failed(output)),
    /** All matches so far. */
    all: (pattern) => [...output.stdout.matchAll(pattern)],
    /** Its exit code or signal, and all that it has printed, as soon as nobody can print any more. */
    ended: async () => {
      const status = await ended
      await until(() => child.stdout.closed && child.stderr.closed, 'its output is closed')
      return { ...status, ...output }
    },
  }
}

const failed = (output) => (error) => {
  error.message += `\nstdout: ${output.stdout}\nstderr: ${output.stderr}`
  throw error
}
