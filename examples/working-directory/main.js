'use strict'

// The working directory of a process: its origin, and the paths that depend on it.
//
//   node examples/working-directory/main.js     runs until its input ends (Ctrl-D on a terminal)
//
// Meanwhile `readlink /proc/PID/cwd` shows the working directory of each process.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { socketpair, spawn, spawnDaemon, wait } = require('procnative')
const { endOfInput } = require('../shared/input.js')

// The kernel reports a directory by its real path, without symbolic links.
const there = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'procnative-working-directory-'))
fs.writeFileSync(path.join(there, 'note'), 'a note that was left there\n')

/** @param {string} what @param {number} pid */
const show = (what, pid) => console.log(`${what}: PID ${pid} is in ${fs.readlinkSync(`/proc/${pid}/cwd`)}`)

/** @param {string} file */
function read(file) {
  try {
    return fs.readFileSync(file, 'utf8').trim()
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code
  }
}

async function main() {
  // cat(1) reads until the end of its input. All children read from one socket, which ends when this process closes its end
  // or dies. So no child is left behind.
  const [ours, theirs] = socketpair()
  /** @type {[typeof theirs, 'ignore', 'inherit']} */
  const stdio = [theirs, 'ignore', 'inherit']

  show('mine', process.pid)
  const inherited = spawn('cat', [], { stdio })
  show('inherited', inherited.pid)
  const given = spawn('cat', [], { stdio, cwd: there })
  show('given', given.pid)

  // A daemon works in / by default, because a file system with a working directory of a process can't be unmounted.
  const daemon = await spawnDaemon('cat', [], { stdio: [theirs.fd, 'ignore', 'ignore'] })
  show("a daemon's", daemon.pid)
  theirs.close()

  // A relative path depends on the working directory, not on the place of the script.
  console.log(`note, from ${process.cwd()}: ${read('note')}`)
  process.chdir(there)
  show('changed', process.pid)
  console.log(`note, from ${process.cwd()}: ${read('note')}`)

  // main.js is beside the script, so only __dirname leads there. require() resolves a relative path against __dirname.
  console.log(`main.js, from ${process.cwd()}: ${read('main.js')}`)
  console.log(`require('./main.js') is ${path.relative(__dirname, require.resolve('./main.js'))} all the same`)

  // A user means a relative path in the user's own directory. So make the path absolute before daemonize(), and before any
  // other change of the directory.
  const absolute = path.resolve('note')
  process.chdir('/')
  console.log(`note, from ${process.cwd()}: ${read('note')}, but ${absolute}: ${read(absolute)}`)

  await endOfInput('ends it')

  const ends = [inherited.wait(), given.wait(), wait(daemon.pid)]
  ours.close()
  await Promise.all(ends)
}
main().finally(() => fs.rmSync(there, { recursive: true }))
