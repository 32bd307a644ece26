'use strict'

// The working directory of a process: where it comes from, what goes by it, and what does not.
//
//   node examples/working-directory/main.js     stays until its input ends, which on a terminal is Ctrl-D
//
// Meanwhile `readlink /proc/PID/cwd` shows that of each process.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { socketpair, spawn, spawnDaemon, wait } = require('procnative')
const { endOfInput } = require('../shared/input.js')

// The kernel names a directory by its real path, without symbolic links.
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
  // cat(1) reads until the end of its input: all of these read from one socket, which ends when we close our end of it, or
  // die. So none is left behind.
  const [ours, theirs] = socketpair()
  /** @type {[typeof theirs, 'ignore', 'inherit']} */
  const stdio = [theirs, 'ignore', 'inherit']

  show('mine', process.pid)
  const inherited = spawn('cat', [], { stdio })
  show('inherited', inherited.pid)
  const given = spawn('cat', [], { stdio, cwd: there })
  show('given', given.pid)

  // A daemon's is / unless it says otherwise: a file system that is some process's working directory can't be unmounted.
  const daemon = await spawnDaemon('cat', [], { stdio: [theirs.fd, 'ignore', 'ignore'] })
  show("a daemon's", daemon.pid)
  theirs.close()

  // A relative path goes by the working directory, wherever the script is.
  console.log(`note, from ${process.cwd()}: ${read('note')}`)
  process.chdir(there)
  show('changed', process.pid)
  console.log(`note, from ${process.cwd()}: ${read('note')}`)

  // Not what stands beside the script: that goes by __dirname, and so does what require() is given.
  console.log(`main.js, from ${process.cwd()}: ${read('main.js')}`)
  console.log(`require('./main.js') is ${path.relative(__dirname, require.resolve('./main.js'))} all the same`)

  // A path that a user has given means what it means where he is. So it is made absolute at once: before daemonize(), and
  // before any other change of the directory.
  const absolute = path.resolve('note')
  process.chdir('/')
  console.log(`note, from ${process.cwd()}: ${read('note')}, but ${absolute}: ${read(absolute)}`)

  await endOfInput('ends it')

  const ends = [inherited.wait(), given.wait(), wait(daemon.pid)]
  ours.close()
  await Promise.all(ends)
}
main().finally(() => fs.rmSync(there, { recursive: true }))
