'use strict'

// How a process looks at itself: the parent and its children alike.

const fs = require('node:fs')
const { getpgid, getsid, openFds } = require('procnative')

// A variable. Each process has one of its own, which begins as it is written here.
const state = { memory: 'as written' }

const LINE = 'line 1\n'.length

/** @param {string} file in which the parent has written some lines */
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
    // The next one. Which one that is, the open file knows, and not the process.
    reads: descriptor === undefined ? 'nothing' : readLine(descriptor),
    memory: state.memory,
  }
}

/** Which of our descriptors leads to a file, if any does. @param {string} file */
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
