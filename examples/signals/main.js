'use strict'

// The signals that end a process, the purpose of each, and the status that the parent gets:
//
//   node examples/signals/main.js
//
// Sends each signal to two children: to `cat`, which handles no signal, and to child.js, which handles the given signal. The
// table shows the key or command of each signal, and if a program can handle the signal.
//
// Then shows core dumps: SIGQUIT leaves a core, as a crash does. A core is a file with the memory of the dead process, for a
// debugger.

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
  ['SIGKILL', 'kill -9 PID', 'ends it at once'],
  ['SIGINT', 'Ctrl-C', 'interrupts it'],
  ['SIGQUIT', 'Ctrl-\\', 'ends it with a core'],
  ['SIGHUP', 'a hang-up', 'its terminal is gone'],
  // A handler in JavaScript runs if a process sent the signal, as here. After a real bad address, no JavaScript can run.
  ['SIGSEGV', 'the kernel', 'it used a bad address'],
]

const NO_CORE = '0'
const CORE = '$(ulimit -Hc)'

// Children inherit the limit for the size of a core (`ulimit -c`; RLIMIT_CORE in getrlimit(2)). A process can raise it up to
// the hard limit (`ulimit -Hc`). `cat` ends with its input, whose other end is here, so `cat` can't outlive this process.
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

/** Returns cells for a status of waitpid(2): a process exits with a code, or a signal kills it. @param {WaitStatus} status */
const told = ({ state, exitCode, signal, coreDumped }) => [
  state,
  exitCode ?? '-',
  signal ?? '-',
  coreDumped ? 'yes' : 'no',
]

async function showEnds() {
  print('SIGNAL', 'NO', 'SENT BY', 'PURPOSE', 'THE CHILD', 'STATE', 'EXIT CODE', 'SIGNAL', 'CORE')
  const children = SIGNALS.map(([signal]) => Promise.all([end(cat(NO_CORE), signal), end(handler(signal), signal)]))
  for (const [at, [idle, prepared]] of (await Promise.all(children)).entries()) {
    const [signal, sender, purpose] = SIGNALS[at]
    print(signal, os.constants.signals[signal], sender, purpose, 'does nothing about it', ...told(idle.status))
    print('', '', '', '', prepared.said, ...told(prepared.status))
  }
}

// core_pattern decides the place of a core (core(5)): a file in the working directory of the dead process, a file elsewhere,
// or, after a `|`, the input of a program, to which the limit does not apply.
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
    if (process.stdin.isTTY) console.log('Ctrl-D removes the cores. Look at them before, with gdb or file.')
    await Promise.race([once(process.stdin.resume(), 'end'), once(process, 'SIGINT')])
    process.stdin.destroy()
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
}

main()
