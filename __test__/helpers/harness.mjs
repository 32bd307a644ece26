// `test` of the current runner (runner.mjs), with a check of what each test leaves behind: descriptors, threads, children
// (zombies too), and all descendants, which a variable in their environment identifies.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { children, descriptors, startedWith, threads } from './proc.mjs'
import { markedBy, register } from './runner.mjs'
import { until } from './until.mjs'

const MARK = 'PROCNATIVE_TEST'
const WANTED_LINE = process.env.PROCNATIVE_CONTRACT
const WANTED_TITLE = new RegExp(process.env.PROCNATIVE_TITLE ?? '')
process.env[MARK] = markedBy(MARK)
// `node --test --watch` makes each Node.js process send the names of its modules to its parent. A program under test must not.
// This process has read the variable at its start, so it still reports its own modules.
delete process.env.WATCH_REPORT_DEPENDENCIES

// A failed test can leave an open channel or a timer, which would keep the process of its file alive for ever. So the process
// ends when no other test has begun within this time in ms.
const IDLE_MS = 5000
let lastResort

// libuv keeps /dev/null open after its first stream. Standard output is a stream, unless it is a file.
let firstStream

/** Makes libuv start its threads and open its descriptors, which it does at the first use, before they are counted. */
async function settle() {
  await Promise.all(Array.from({ length: 16 }, () => fs.promises.stat('/')))
  firstStream ??= once(net.createServer().listen(0).close(), 'close')
  await firstStream
}

const snapshot = () => ({
  descriptors: descriptors(),
  threads: threads(),
  children: children(),
  processes: startedWith(MARK, process.env[MARK]),
})

function leftovers(before) {
  const after = snapshot()
  const left = Object.entries(after.descriptors).filter(([fd, what]) => before.descriptors[fd] !== what)
  return {
    // Reading /proc/self/fd opens a descriptor.
    descriptors: left.filter(([, what]) => !what.endsWith('/fd') && !what.startsWith('anon_inode:[event')),
    // Bun and Deno start threads at any time.
    threads: isNode ? Math.max(0, after.threads - before.threads) : 0,
    children: after.children.filter((pid) => !before.children.includes(pid)),
    processes: after.processes.filter((pid) => !before.processes.includes(pid)),
  }
}

const isNothing = (left) =>
  left.threads === 0 && left.descriptors.length + left.children.length + left.processes.length === 0

function killDescendants() {
  for (const pid of startedWith(MARK, process.env[MARK])) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
  }
}

/**
 * Registers a test that must leave nothing behind after its cleanups. `contract`: the lines of docs/contract.md that the test
 * shows, separated by spaces. `npm test -- --contract LINE` selects tests by a line, `npm test -- SUBJECT PATTERN` by a title.
 */
export function test(title, ...rest) {
  const body = rest.pop()
  const [{ contract = '', ...options } = {}] = rest
  if ((WANTED_LINE && !contract.split(' ').includes(WANTED_LINE)) || !WANTED_TITLE.test(title)) return
  register(title, { timeout: 120_000, ...options }, async (context) => {
    clearTimeout(lastResort)
    // A test that hangs fails. Its processes are killed, so that the next test can run.
    context.signal.addEventListener('abort', killDescendants)
    try {
      await runAndCheck(context, body)
    } catch (error) {
      lastResort = setTimeout(() => process.exit(1), IDLE_MS).unref()
      throw error
    }
  })
}

async function runAndCheck(context, body) {
  await settle()
  const before = snapshot()
  const cleanups = []
  try {
    // Like the runner's context, but cleans up before the check.
    await body({ after: (cleanup) => cleanups.unshift(cleanup), skip: (reason) => context.skip(reason) })
  } finally {
    for (const cleanup of cleanups) await cleanup()
  }
  await until(() => isNothing(leftovers(before)), 'nothing left behind').catch(() =>
    assert.deepEqual(leftovers(before), { descriptors: [], threads: 0, children: [], processes: [] }),
  )
}

/** Makes a directory that every user may write to, and removes it at the end of the test. */
export function temporary(context) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-'))
  fs.chmodSync(directory, 0o777)
  context.after(() => fs.rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Returns options of a test. They skip the test with a clear message if the machine lacks what the test needs. */
export function needs(what, isThere) {
  return isThere ? {} : { skip: `SKIPPED, NOT SHOWN HERE: needs ${what}` }
}

/** Returns true if PATH has a program that may be run. */
export function hasProgram(name) {
  return process.env.PATH.split(':').some((directory) => {
    try {
      fs.accessSync(path.join(directory, name), fs.constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** True in Node.js, false in Bun and Deno. */
export const isNode = !('bun' in process.versions || 'deno' in process.versions)

export const isRoot = process.getuid() === 0
