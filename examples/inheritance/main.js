'use strict'

// What a child has of its parent, and what it has not:
//
//   node examples/inheritance/main.js     prints a table, and ends at the end of its input (Ctrl-D)
//
// Unix makes a process by fork(2), as a copy of its parent, and execve(2) begins another program in it. So does Node.js,
// whatever its method is called. A child of Node.js does inherit, therefore: all that execve(2) leaves alone. It does not
// have the parent's memory, since every program begins with its own.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { channel, socketpair, spawn, spawnDaemon, wait } = require('procnative')
const { endOfInput } = require('../shared/input.js')
const { look, state } = require('./look.js')

/** @typedef {import('procnative').Handle} Handle */

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'parent-'))
const file = path.join(directory, 'lines')
fs.writeFileSync(file, 'line 1\nline 2\nline 3\nline 4\n')

// In all this we differ from the program that we have begun as.
process.env.FROM = 'parent'
process.chdir(directory)
process.umask(0o027)
state.memory = 'changed'
const opened = fs.openSync(file, 'r')

const command = [path.join(__dirname, 'child.js'), file]
/** @type {import('procnative').Channel[]} */
const channels = []

async function main() {
  const columns = {
    parent: look(file),

    // Of what is open here, a child has what is named, and nothing else: our file is not named.
    'a child': await ask((end) => spawn(process.execPath, command, { stdio: ['ignore', 'inherit', 'inherit', end] })),

    // Now it is. The child does not open it anew: there is one place in the file, from which we all read on.
    'by options': await ask((end) =>
      spawn(process.execPath, command, {
        env: { ...process.env, FROM: 'options' },
        cwd: '/',
        umask: 0o077,
        session: true, // and so a group, too; `processGroup: 0` would be one in our session
        stdio: ['ignore', 'inherit', 'inherit', end, opened],
      }),
    ),

    // What a daemon keeps of what it was started with, it says itself: see child.js.
    'daemonize()': await ask((end) => {
      const stdio = /** @type {const} */ (['ignore', 'inherit', 'inherit'])
      return spawn(process.execPath, [...command, 'daemonize'], { stdio: [...stdio, end, opened] }).wait()
    }),

    // Or who starts it does. `listen` is meant for sockets, and takes any descriptors, which become 3, 4, …
    'spawnDaemon()': await ask((end) => spawnDaemon(process.execPath, command, { listen: [end, opened] })),
  }
  console.log(table(columns))
  const other = somebodyElse()
  await endOfInput('ends them all')

  // Who has asked for it, hears of the end of any process, child or not.
  const [, ...children] = Object.values(columns)
  const ended = children.map(({ pid }) => wait(pid))
  for (const one of channels) one.close()
  other?.stdio[0]?.end()
  await Promise.all([...ended, other?.wait()])
  fs.rmSync(directory, { recursive: true })
}

/** Starts a child that finds the end of a channel at 3, and asks it what it has. @param {(end: Handle) => unknown} start */
async function ask(start) {
  const [ours, theirs] = socketpair()
  await start(theirs)
  theirs.close()
  const one = channel(ours)
  channels.push(one)
  one.send('what do you have?')
  for await (const { message } of one) return /** @type {ReturnType<typeof look>} */ (message)
  throw new Error('it has ended without an answer')
}

/** A child that is another user's. That takes root's rights. */
function somebodyElse() {
  try {
    const child = spawn('cat', [], { user: 'nobody', stdio: ['pipe', 'ignore', 'inherit'] })
    const [, user] = fs.readFileSync(`/proc/${child.pid}/status`, 'utf8').match(/^Uid:\t(\d+)/m) ?? []
    console.log(`\n${child.pid} runs as user ${user}, and we as ${process.geteuid?.()}`)
    return child
  } catch (error) {
    // The step that was refused, and why: EPERM, as a rule.
    console.log(`\nnot as another user: ${/** @type {Error} */ (error).message}`)
  }
}

/** @param {Record<string, Record<string, unknown>>} columns */
function table(columns) {
  const rows = Object.keys(columns.parent).map((row) => [row, ...Object.values(columns).map((column) => column[row])])
  const cells = [['', ...Object.keys(columns)], ...rows].map((row) => row.map(String))
  const width = Math.max(...cells.flat().map(({ length }) => length))
  return cells
    .map((row) =>
      row
        .map((cell) => cell.padEnd(width))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

main()
