// Examples, run as a reader runs them.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { root } from './run.mjs'
import { until } from './until.mjs'

export const examplePath = (name) => path.join(root, 'examples', name)

/**
 * Starts examples/NAME, by default its main.js, with this runtime, and kills it at the end of the test. `prefix` comes before
 * the command. `child.stdin` stays open until the test ends it.
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
  // A daemon that the example has left may keep its output open.
  t.after(() => {
    child.kill('SIGKILL')
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy()
    return ended
  })
  return {
    child,
    output,
    /** Returns the match of `pattern` as soon as the output has one. */
    says: (pattern) => until(() => output.stdout.match(pattern), `the example prints ${pattern}`).catch(failed(output)),
    /** Returns all matches so far. */
    all: (pattern) => [...output.stdout.matchAll(pattern)],
    /** Returns the exit code or signal and the output, as soon as all processes have closed the output. */
    ended: async () => {
      const status = await ended
      await until(() => child.stdout.closed && child.stderr.closed, 'the output is closed')
      return { ...status, ...output }
    },
  }
}

const failed = (output) => (error) => {
  error.message += `\nstdout: ${output.stdout}\nstderr: ${output.stderr}`
  throw error
}
