// Pid files under test: daemons with a pid file, starts that fail, and another program that locks files.

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

/** The status of a pid file without a daemon. */
export const NOT_RUNNING = { running: false, pid: null }

export const read = (file) => fs.readFileSync(file, 'utf8')
export const mode = (file) => fs.statSync(file).mode & 0o777

/** Kills a daemon and waits for its last thread, whose end frees the lock. */
export async function killDaemon(pid, pidFile) {
  await end(pid)
  await until(() => !daemonStatus(pidFile).running, 'the lock is free')
}

/** Words before a command: the command runs with its own pid in the file. */
export const namedBy = (pidFile) => ['sh', '-c', 'file=$0; echo $$ >"$file"; exec "$@"', pidFile]

/** Words before a command: the command runs as a user without rights. */
export const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']

/** Returns the path of a pid file that does not exist yet, in a temporary directory. */
export const newPidFile = (context) => path.join(temporary(context), 'daemon.pid')

const command = (name, options, how, prefix) => [
  ...prefix,
  process.execPath,
  fixture(name),
  JSON.stringify(options),
  ...(how ? [how] : []),
]

// Returns the path of the file that gets the first line of a daemon.
function logOf(context, { stdout }, cwd = '.') {
  return stdout === undefined ? path.join(temporary(context), 'log') : path.resolve(cwd, stdout)
}

/**
 * Starts fixtures/pid-file-daemon.cjs or another script; returns the report of the daemon and its log. `log`: the path of the
 * log, if the options don't name it.
 */
export async function start(context, options, { how, script = 'pid-file-daemon.cjs', prefix = [], ...more } = {}) {
  const log = more.log ?? logOf(context, options, more.cwd)
  const [program, ...args] = command(script, { stdout: log, ...options }, how, prefix)
  const { code, stderr } = await run(program, args, more).ended
  assert.equal(code, 0, stderr)
  return { ...factsFrom(context, log).facts, log }
}

/** Starts the same in the foreground, as a child of the test. `ended` resolves with its end. */
export async function startForeground(context, options, { how, script = 'pid-file-daemon.cjs', ...more } = {}) {
  const log = path.join(temporary(context), 'log')
  const output = fs.openSync(log, 'a')
  const [program, ...args] = command(script, { foreground: true, ...options }, how, [])
  const { ended } = run(program, args, { ...more, stdio: ['ignore', output, output] })
  fs.closeSync(output)
  await until(() => firstLine(log))
  return { ...factsFrom(context, log).facts, log, ended }
}

/** Attempts a start that fails. Returns the error of daemonize(); checks that the launcher has no child or descriptor left. */
export async function refusal(context, options, { how, prefix = [], ...more } = {}) {
  const log = logOf(context, options)
  const [program, ...args] = command('report-refusal.cjs', { stdout: log, ...options }, how, prefix)
  // The fixture counts descriptors: see limitedTo().
  const env = { ...(more.env ?? process.env), MALLOC_ARENA_MAX: '1' }
  const { stdout, stderr, code } = await run(program, args, { ...more, env }).ended
  // A daemon that started against expectation must not stay.
  if (stdout === '' && code === 0) factsFrom(context, log)
  assert.notEqual(stdout, '', `the start did not fail: ${stderr}`)
  const { left, ...error } = JSON.parse(stdout)
  assert.deepEqual(left, { children: 0, descriptors: 0 })
  return error
}

/** Calls a function of procnative in another process. Returns its value, or the properties of its error. */
export async function askElsewhere(prefix, name, ...args) {
  const [program, ...rest] = [...prefix, process.execPath, fixture('call-function.cjs'), name, JSON.stringify(args)]
  const { stdout, stderr } = await run(program, rest).ended
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout)
}

/** Starts a Python process that takes OFD locks and looks at others: see fixtures/lock-files.py. */
export function locker(context) {
  const child = spawn('python3', [fixture('lock-files.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const answers = []
  let asked = 0
  let over = false
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })))
  ended.then(() => {
    over = true
  })
  // The process may have been killed.
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
    assert.ok(answers.length > number, `lock-files.py ended before it did ${words}`)
    return answers[number]
  }
  return {
    pid: child.pid,
    ended,
    /** Returns the lock that conflicts with a lock on the whole file, or null. */
    ask: (file) => order('ask', file),
    /** Takes a lock; creates the file if needed. */
    async lock(file, kind, start = 0, length = 0) {
      assert.equal(await order('lock', file, kind, start, length), null)
    },
    /** Tries to take a lock. Returns the name of the error, or null. */
    tryLock: (file, kind, start, length) => order('lock', file, kind, start, length),
    unlock: (file) => order('unlock', file),
    /** Watches the lock of an existing file without a pause, until `seen` returns all its states. */
    watch: (file) => order('watch', file),
    seen: (file) => order('seen', file),
  }
}

/** Starts a process that has nothing to do with any pid file. */
export function stranger(context) {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  context.after(() => end(child.pid))
  return child.pid
}
