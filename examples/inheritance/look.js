'use strict'

// The attributes of this process. The parent and its children use the same function.

const fs = require('node:fs')
const { getpgid, getsid, openFds } = require('procnative')

// A variable in memory. Each process has its own, with the initial value that is written here.
const state = { memory: 'as written' }

const LINE = 'line 1\n'.length

/** Returns the attributes of this process. @param {string} file in which the parent has written some lines */
function look(file) {
  const descriptor = descriptorOf(file)
  return {
    pid: process.pid,
    variable: process.env.FROM,
    cwd: process.cwd(),
    umask: process.umask().toString(8).padStart(4, '0'),
    group: getpgid(),
    session: getsid(),
    user: process.geteuid?.(),
    descriptor: descriptor ?? 'none',
    // The next line. The offset belongs to the open file, not to the process.
    reads: descriptor === undefined ? 'nothing' : readLine(descriptor),
    memory: state.memory,
  }
}

/** Returns the descriptor of this process that leads to a file, if there is one. @param {string} file */
function descriptorOf(file) {
  const { dev, ino } = fs.statSync(file)
  return openFds().find((fd) => {
    const found = fs.statSync(`/proc/self/fd/${fd}`, { throwIfNoEntry: false })
    return found?.dev === dev && found.ino === ino
  })
}

/** @param {number} descriptor */
function readLine(descriptor) {
  const buffer = Buffer.alloc(LINE)
  fs.readSync(descriptor, buffer)
  return buffer.toString().trim()
}

module.exports = { look, state }
