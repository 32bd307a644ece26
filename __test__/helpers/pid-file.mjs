// Pid files under test: daemons that have one, starts that fail, and another program that locks files.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { daemonStatus } from '../../index.js'
import { end, factsFrom, firstLine } from './daemon.mjs'
import { temporary } from './harness.mjs'
import { fixture, run } from './run.mjs'
import { until } from './until.mjs'

/** What daemonStatus() says where nothing runs. */
export const NOT_RUNNING = { running: false, pid: null }

export const read = (file) => fs.readFileSync(file, 'utf8')
export const mode = (file) => fs.statSync(file).mode & 0o777

/** Kills a daemon with all its threads: the lock goes with the last of them. */
export async function killDaemon(pid, pidFile) {
  await end(pid)
  await until(() => !daemonStatus(pidFile).running, 'the lock is free')
}

/** Writes its own pid into a file, and becomes what comes after it. */
export const namedBy = (pidFile) => ['sh', '-c', 'file=$0; echo $$ >"$file"; exec "$@"', pidFile]

/** Runs what comes after it as a user without rights. */
export const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']

/** A pid file that is not there yet, in a directory of the test's own. */
export const newPidFile = (context) => path.join(temporary(context), 'daemon.pid')

const command = (name, options, how, prefix) => [
  ...prefix,
  process.execPath,
  fixture(name),
  JSON.stringify(options),
  ...(how ? [how] : []),
]

// Where a daemon's first line goes.
function logOf(context, { stdout }, cwd = '.') {
  return stdout === undefined ? path.join(temporary(context), 'log') : path.resolve(cwd, stdout)
}

/**
 * Starts fixtures/ending.cjs, or another one; returns what the daemon tells of itself, and its log. `log`: where that
 * can be read, if the options don't say it.
 */
export async function start(context, options, { how, script = 'ending.cjs', prefix = [], ...more } = {}) {
  const log = more.log ?? logOf(context, options, more.cwd)
  const [program, ...args] = command(script, { stdout: log, ...options }, how, prefix)
  const { code, stderr } = await run(program, args, more).ended
  assert.equal(code, 0, stderr)
  return { ...factsFrom(context, log).facts, log }
}

/** The same in the foreground, where it is a child of the test's; `ended` tells how it ends. */
export async function startForeground(context, options, { how, script = 'ending.cjs', ...more } = {}) {
  const log = path.join(temporary(context), 'log')
  const output = fs.openSync(log, 'a')
  const [program, ...args] = command(script, { foreground: true, ...options }, how, [])
  const { ended } = run(program, args, { ...more, stdio: ['ignore', output, output] })
  fs.closeSync(output)
  await until(() => firstLine(log))
  return { ...factsFrom(context, log).facts, log, ended }
}

/** Attempts a start that fails: what daemonize() threw in the launcher, which it has left as it was. */
export async function refusal(context, options, { how, prefix = [], ...more } = {}) {
  const log = logOf(context, options)
  const [program, ...args] = command('attempt.cjs', { stdout: log, ...options }, how, prefix)
  // It counts descriptors: see limitedTo().
  const env = { ...(more.env ?? process.env), MALLOC_ARENA_MAX: '1' }
  const { stdout, stderr, code } = await run(program, args, { ...more, env }).ended
  // What was started against expectation is not to stay.
  if (stdout === '' && code === 0) factsFrom(context, log)
  assert.notEqual(stdout, '', `the start did not fail: ${stderr}`)
  const { left, ...error } = JSON.parse(stdout)
  assert.deepEqual(left, { children: 0, descriptors: 0 })
  return error
}

/** Calls a function of procnative's in another process; its value, or the error's properties. */
export async function askElsewhere(prefix, name, ...args) {
  const [program, ...rest] = [...prefix, process.execPath, fixture('ask.cjs'), name, JSON.stringify(args)]
  const { stdout, stderr } = await run(program, rest).ended
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout)
}

/** A Python process that takes OFD locks and asks for others': see fixtures/locks.py. */
export function locker(context) {
  const child = spawn('python3', [fixture('locks.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const answers = []
  let asked = 0
  let over = false
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })))
  ended.then(() => {
    over = true
  })
  // It may have been killed.
  child.stdin.on('error', () => {})
  createInterface({ input: child.stdout }).on('line', (line) => answers.push(JSON.parse(line)))
  context.after(() => {
    child.stdin.end()
    return ended
  })

  async function order(...words) {
    const number = asked++
    child.stdin.write(`${JSON.stringify(words)}\n`)
    await until(() => over || answers.length > number, `an answer to ${words}`)
    assert.ok(answers.length > number, `locks.py has ended before it did ${words}`)
    return answers[number]
  }
  return {
    pid: child.pid,
    ended,
    /** The lock that is in the way of one on the whole file, or null. */
    ask: (file) => order('ask', file),
    /** Takes a lock; the file is created if need be. */
    async lock(file, kind, start = 0, length = 0) {
      assert.equal(await order('lock', file, kind, start, length), null)
    },
    /** Tries to; the name of the error, or null. */
    tryLock: (file, kind, start, length) => order('lock', file, kind, start, length),
    unlock: (file) => order('unlock', file),
    /** Looks at the lock of a file that is there, without a pause, until `seen` tells each state that it was in. */
    watch: (file) => order('watch', file),
    seen: (file) => order('seen', file),
  }
}

/** A process that has nothing to do with any pid file. */
export function stranger(context) {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  context.after(() => end(child.pid))
  return child.pid
}
