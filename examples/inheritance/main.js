'use strict'

// The attributes that a child inherits from its parent, and those that it does not:
//
//   node examples/inheritance/main.js     prints a table, and ends at the end of its input (Ctrl-D)
//
// On Unix, fork(2) makes a process as a copy of its parent, and execve(2) begins another program in it. All methods of
// Node.js do both. So a child of Node.js inherits every attribute that execve(2) preserves. It does not inherit the parent's
// memory, because every program begins with its own.

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

// The parent changes each of these attributes, so that an inherited value differs from the initial one.
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

    // A child has only the descriptors in `stdio`. The file is not among them.
    'a child': await ask((end) => spawn(process.execPath, command, { stdio: ['ignore', 'inherit', 'inherit', end] })),

    // Now it is. The child shares the open file with the parent, and so its offset: each reads the next line.
    'by options': await ask((end) =>
      spawn(process.execPath, command, {
        env: { ...process.env, FROM: 'options' },
        cwd: '/',
        umask: 0o077,
        session: true, // and so a new group, too; `processGroup: 0` would make a group in the session of the parent
        stdio: ['ignore', 'inherit', 'inherit', end, opened],
      }),
    ),

    // A daemon of daemonize() names the descriptors to keep itself: see child.js.
    'daemonize()': await ask((end) => {
      const stdio = /** @type {const} */ (['ignore', 'inherit', 'inherit'])
      return spawn(process.execPath, [...command, 'daemonize'], { stdio: [...stdio, end, opened] }).wait()
    }),

    // With spawnDaemon(), the caller names them. `listen` takes any descriptors, which become 3, 4, …
    'spawnDaemon()': await ask((end) => spawnDaemon(process.execPath, command, { listen: [end, opened] })),
  }
  console.log(table(columns))
  const other = spawnAsOtherUser()
  await endOfInput('ends them all')

  // wait() waits for any process, child or not.
  const [, ...children] = Object.values(columns)
  const ended = children.map(({ pid }) => wait(pid))
  for (const one of channels) one.close()
  other?.stdio[0]?.end()
  await Promise.all([...ended, other?.wait()])
  fs.rmSync(directory, { recursive: true })
}

/** Starts a child with one end of a channel at descriptor 3. Returns the child's answer. @param {(end: Handle) => unknown} start */
async function ask(start) {
  const [ours, theirs] = socketpair()
  await start(theirs)
  theirs.close()
  const one = channel(ours)
  channels.push(one)
  one.send('what do you have?')
  for await (const { message } of one) return /** @type {ReturnType<typeof look>} */ (message)
  throw new Error('the child has ended without an answer')
}

/** Starts a child as another user, which needs root's rights. */
function spawnAsOtherUser() {
  try {
    const child = spawn('cat', [], { user: 'nobody', stdio: ['pipe', 'ignore', 'inherit'] })
    const [, user] = fs.readFileSync(`/proc/${child.pid}/status`, 'utf8').match(/^Uid:\t(\d+)/m) ?? []
    console.log(`\n${child.pid} runs as user ${user}, and this process as ${process.geteuid?.()}`)
    return child
  } catch (error) {
    // The error names the failed step and the reason, mostly EPERM.
    console.log(`\nnot as another user: ${/** @type {Error} */ (error).message}`)
  }
}

/** Returns a table as text. @param {Record<string, Record<string, unknown>>} columns */
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
