// A round in its own pid namespace, and its problems.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LAST_PID, MOST_DESCRIPTORS } from './rules.mjs'

const [INSIDE, WORKER] = ['inside.sh', 'worker.mjs'].map((name) => fileURLToPath(new URL(name, import.meta.url)))
const NAMESPACE = ['--pid', '--fork', '--kill-child', '--mount-proc', '--net']
const CALLS = 2000

// Milliseconds without a new call. After `children`, all processes that the worker has started are killed, because the worker may
// wait for one of them. After `worker`, the worker hangs.
const PATIENCE = { children: 4000, worker: 15_000 }
const LOOKS = 200

const FATAL = /panicked|FATAL ERROR|Assertion|Check failed|core dumped|free\(\)|corrupt|Segmentation|stack smashing/i

/** Returns true if this user may make a pid namespace. */
export const isPermitted = () => spawnSync('unshare', [...NAMESPACE, 'true']).status === 0

/** Makes the calls of a seed; returns `{ counts, problems, directory }`. The directory is kept if there are problems. */
export async function round(seed) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-fuzz-'))
  const file = (name) => path.join(directory, name)
  const read = (name) => fs.readFileSync(file(name), { encoding: 'utf8', flag: 'a+' })
  const output = fs.openSync(file('output'), 'w')
  const child = spawn('unshare', [...NAMESPACE, 'sh', INSIDE, seed, CALLS, process.execPath, WORKER], {
    cwd: directory,
    env: { ...process.env, LAST_PID, MOST_DESCRIPTORS },
    stdio: ['ignore', output, output],
  })
  fs.closeSync(output)
  const exit = once(child, 'exit')
  const over = new AbortController()
  const hang = watch(child.pid, file('calls'), over.signal)
  const [code, signal] = await exit
  over.abort()

  const calls = read('calls').split('\n').filter(Boolean)
  const problems = read('complaints')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  const own = calls.filter((line) => !line.startsWith('daemon '))
  const last = own.at(-1) ?? 'no call'
  const end = (await hang) ?? badEnd(code, signal, own)
  if (end !== null) problems.push({ call: last, what: end })
  for (const line of read('output').split('\n')) if (FATAL.test(line)) problems.push({ call: last, what: line })
  if (problems.length === 0) fs.rmSync(directory, { recursive: true })
  return { seed, counts: countsOf(calls), problems, directory }
}

// Returns what is wrong with the end of a round, or null. A shell reports a signal as a code above 128.
function badEnd(code, signal, calls) {
  if (signal !== null) return `ended by ${signal}`
  if (code > 128) return `ended by signal ${code - 128}`
  if (code !== 0) return `ended with exit code ${code}`
  // A launcher ends when its daemon is ready, also after calls of its getters.
  const last = calls.at(-1)
  const [number] = last.split(' ')
  const isLaunched = calls.some((line) => line.startsWith(`${number} `) && / daemonize: /.test(line))
  return last === 'end 0' || isLaunched ? null : 'ended in the midst of it'
}

function countsOf(calls) {
  const counts = {}
  for (const line of calls) {
    const [, name] = /^(?:daemon )?\d+ (?:within it, )?(\S+): /.exec(line) ?? []
    if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

// Kills a round that hangs, and returns the problem. Returns null if the round ends by itself.
async function watch(pid, log, signal) {
  let size = 0
  let since = Date.now()
  while (!signal.aborted) {
    await setTimeout(LOOKS)
    const now = fs.statSync(log, { throwIfNoEntry: false })?.size ?? 0
    if (now !== size) {
      size = now
      since = Date.now()
    }
    const quiet = Date.now() - since
    const [init] = childrenOf(pid)
    const [worker, ...others] = init === undefined ? [] : childrenOf(init)
    if (worker === undefined) continue
    if (quiet > PATIENCE.children) for (const one of [...others, ...descendantsOf(worker)]) kill(one)
    if (quiet < PATIENCE.worker) continue
    const where = fs.readFileSync(`/proc/${worker}/wchan`, 'utf8')
    kill(init)
    return `hangs, in ${where}`
  }
  return null
}

function childrenOf(pid) {
  try {
    const threads = fs.readdirSync(`/proc/${pid}/task`)
    const lists = threads.map((thread) => fs.readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'))
    return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number))
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(error.code)) return []
    throw error
  }
}

const descendantsOf = (pid) => childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)])

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}
