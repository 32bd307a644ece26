// Programs that tests run to their end.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** The path of procnative, for scripts in template strings. */
export const library = path.join(root, 'index.js')

/** Returns the path of a fixture: `NAME`, or `SUBJECT/NAME` if only that subject's tests use it. */
export const fixture = (name) => path.join(root, '__test__', path.dirname(name), 'fixtures', path.basename(name))

/** Returns the arguments with which this runtime runs a script. Deno needs a subcommand and permissions. */
export const scriptCommand = (script, ...args) => [
  ...('deno' in process.versions ? ['run', '-A'] : []),
  script,
  ...args.map(String),
]

/**
 * Returns the environment with one memory arena for all threads. When a thread of a busy process makes a new arena, glibc opens
 * a file for a moment, and a test that compares descriptors would see the file.
 */
export const oneArena = () => ({ ...process.env, MALLOC_ARENA_MAX: '1' })

/**
 * Returns the start of a command with at most `count` descriptors. glibc must not open a descriptor itself, so that tests can
 * count them. Its malloc opens one file for the ninth arena of threads (the number of processors), and another to return
 * memory of an arena (vm.overcommit_memory). With one arena for all threads, malloc opens neither.
 */
export const limitedTo = (count) => ['sh', '-c', `ulimit -n ${count}; MALLOC_ARENA_MAX=1 exec "$@"`, 'sh']

/** Runs a program. `ended` resolves when the program has ended and all processes have closed its output. */
export function run(program, args, { input, ...options } = {}) {
  const child = spawn(program, args.map(String), { stdio: 'pipe', ...options })
  return { child, ended: ending(child, input) }
}

function ending(child, input) {
  return new Promise((resolve, reject) => {
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr']) {
      child[name]?.setEncoding('utf8').on('data', (text) => {
        output[name] += text
      })
    }
    // A program may end without reading its input.
    child.stdin?.on('error', () => {}).end(input)
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ pid: child.pid, code, signal, ...output }))
  })
}

/** Runs a script with this runtime; resolves like `ended` of run(). */
export const runScript = (script, args = [], options = {}) =>
  run(process.execPath, [...(options.execArgv ?? []), ...scriptCommand(script, ...args)], options).ended
