// Running programs to their end.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** The path of procnative, for scripts in strings. */
export const library = path.join(root, 'index.js')

/** Returns the path of a fixture: `NAME`, or `SUBJECT/NAME` if only that subject's tests use it. */
export const fixture = (name) => path.join(root, '__test__', path.dirname(name), 'fixtures', path.basename(name))

/** How this runtime runs a script: Deno has a subcommand and permissions for that. */
export const scriptCommand = (script, ...args) => [
  ...('deno' in process.versions ? ['run', '-A'] : []),
  script,
  ...args.map(String),
]

/**
 * The environment with one memory arena for all threads. Another thread of a busy process makes a new arena, for which glibc
 * opens a file for a moment, and a test that compares descriptors sees the file.
 */
export const oneArena = () => ({ ...process.env, MALLOC_ARENA_MAX: '1' })

/**
 * Before a command: as many descriptors, at most. That they can be counted, none of them may be glibc's own for a moment. Its malloc
 * opens a file when it makes the ninth arena for a thread (how many processors there are), and another when it gives memory of a
 * thread's arena back (vm.overcommit_memory): with one arena for all, it does neither.
 */
export const limitedTo = (count) => ['sh', '-c', `ulimit -n ${count}; MALLOC_ARENA_MAX=1 exec "$@"`, 'sh']

/** Runs a program to its end. Its output is complete only once nobody holds it open any more. */
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
    // A program that ends without reading what it is given is no error of ours.
    child.stdin?.on('error', () => {}).end(input)
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ pid: child.pid, code, signal, ...output }))
  })
}

/** The same, to its end, with this runtime. */
export const runScript = (script, args = [], options = {}) =>
  run(process.execPath, [...(options.execArgv ?? []), ...scriptCommand(script, ...args)], options).ended
