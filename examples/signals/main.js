'use strict'

// The signals that end a process, what each is for, and what the parent is told of the end:
//
//   node examples/signals/main.js
//
// Each is sent to two children: to `cat`, which does nothing about any signal, and to child.js, which handles the one that
// it is sent. Then the core dump: a file with the memory of a process that has died, for a debugger to look at.
//
// The idea that this answers: the table of exit signals (which can be handled, which key or command sends them), and that
// SIGQUIT, as a crash does, leaves a core.

const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { createInterface } = require('node:readline')
const { spawn } = require('procnative')

/** @typedef {import('procnative').Process} Process */
/** @typedef {import('procnative').WaitStatus} WaitStatus */

/** @type {ReadonlyArray<[NodeJS.Signals, sender: string, purpose: string]>} */
const SIGNALS = [
  ['SIGTERM', 'kill -15 PID', 'asks it to end'],
  ['SIGKILL', 'kill -9 PID', 'ends it, unasked'],
  ['SIGINT', 'Ctrl-C', 'interrupts it'],
  ['SIGQUIT', 'Ctrl-\\', 'ends it with a core'],
  ['SIGHUP', 'a hang-up', 'its terminal is gone'],
  // A handler in JavaScript hears of one that was sent, as here. After a real bad address no JavaScript can go on.
  ['SIGSEGV', 'the kernel', 'it used a bad address'],
]

const NO_CORE = '0'
const CORE = '$(ulimit -Hc)'

// How large a core may be is a limit that children inherit (`ulimit -c`; RLIMIT_CORE in getrlimit(2)), and that can be
// raised as far as `ulimit -Hc` says. `cat` waits for the end of its input, which we hold: so it can't outlive us.
/** @param {string} limit */
function cat(limit, cwd = '/') {
  return spawn('sh', ['-c', `ulimit -c ${limit} && echo ready && exec cat`], {
    cwd,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

/** @param {NodeJS.Signals} signal */
function handler(signal) {
  const program = path.join(__dirname, 'child.js')
  return spawn(process.execPath, [program, signal], { stdio: ['pipe', 'pipe', 'inherit'] })
}

/** Signals a child that is ready, and waits for its end. @param {Process} child @param {NodeJS.Signals} signal */
async function end(child, signal) {
  const [stdin, stdout] = child.stdio
  if (!stdin || !stdout) throw new Error('no pipes')
  const said = await firstLine(stdout)
  child.kill(signal)
  const status = await child.wait()
  stdin.destroy()
  stdout.destroy()
  return { said, status }
}

/** @param {NodeJS.ReadableStream} stream */
async function firstLine(stream) {
  for await (const line of createInterface({ input: stream })) return line
  throw new Error('the child has ended before it was ready')
}

/** @param {Array<string | number>} cells */
function print(...cells) {
  const widths = [8, 2, 12, 21, 24, 7, 9, 8]
  console.log(cells.map((cell, at) => String(cell).padEnd(widths[at] ?? 0)).join(' '))
}

/** What waitpid(2) tells: a process either exits, with a code, or is killed, by a signal. @param {WaitStatus} status */
const told = ({ state, exitCode, signal, coreDumped }) => [
  state,
  exitCode ?? '-',
  signal ?? '-',
  coreDumped ? 'yes' : 'no',
]

async function showEnds() {
  print('SIGNAL', 'NO', 'SENT BY', 'WHAT FOR', 'THE CHILD', 'STATE', 'EXIT CODE', 'SIGNAL', 'CORE')
  const children = SIGNALS.map(([signal]) => Promise.all([end(cat(NO_CORE), signal), end(handler(signal), signal)]))
  for (const [at, [idle, prepared]] of (await Promise.all(children)).entries()) {
    const [signal, sender, purpose] = SIGNALS[at]
    print(signal, os.constants.signals[signal], sender, purpose, 'does nothing about it', ...told(idle.status))
    print('', '', '', '', prepared.said, ...told(prepared.status))
  }
}

// Where the kernel puts a core is for the machine's owner to say (core_pattern in core(5)): into a file in the working
// directory of who dies, into one elsewhere, or, after a `|`, into a program, which need not care about the limit.
/** @param {string} directory */
async function showCores(directory) {
  console.log(`\ncore_pattern: ${fs.readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim()}`)
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGQUIT', 'SIGSEGV'])) {
    for (const limit of [NO_CORE, CORE]) {
      const cwd = fs.mkdtempSync(path.join(directory, `${signal}-`))
      const { status } = await end(cat(limit, cwd), signal)
      const [core = 'no file here'] = fs.readdirSync(cwd).map((name) => path.join(cwd, name))
      const allowed = limit === NO_CORE ? 'core not allowed' : 'core allowed'
      console.log(signal, allowed.padEnd(16), `coreDumped: ${status.coreDumped}`.padEnd(17), core)
    }
  }
}

async function main() {
  await showEnds()
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-signals-'))
  try {
    await showCores(directory)
    if (process.stdin.isTTY) console.log('The cores are there until you press Ctrl-D: have a look, with gdb or file.')
    await Promise.race([once(process.stdin.resume(), 'end'), once(process, 'SIGINT')])
    process.stdin.destroy()
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
}

main()
