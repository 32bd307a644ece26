'use strict'

// How this process was started. Read when procnative is loaded, because a program may change its arguments, its
// directory and its environment before it calls daemonize().

const fs = require('node:fs')
const { isLossy, readEnvironment, restoreArguments } = require('./original-strings.js')
const { variable } = require('./own-property.js')

// Variables that another process has set for this process, and not for the children of this process.
// - PROCNATIVE_DAEMON: DESCRIPTOR:INODE:PID of the link to the launcher (src/daemon/link.rs).
// - PROCNATIVE_PID_FILE: DESCRIPTOR:INODE:PID of a predecessor's pid file (src/daemon/pid_file/held.rs).
// - PROCNATIVE_CHANNEL_FD: the channel to the parent of fork(). lib/channel/fork.js knows the fields.
const MARKERS = ['PROCNATIVE_DAEMON', 'PROCNATIVE_PID_FILE', 'PROCNATIVE_CHANNEL_FD']

// The property in which the first copy of the package leaves the markers for other copies, as a string. An object would
// keep the first copy alive.
const FOUND = Symbol.for('procnative.markers')

const markers = takeMarkers()

function takeMarkers() {
  const own = Object.fromEntries(MARKERS.map((name) => [name, variable(name)]))
  for (const name of MARKERS) delete process.env[name]
  if (Object.hasOwn(process, FOUND)) return { ...own, ...JSON.parse(process[FOUND]) }
  const found = JSON.stringify(own)
  if (found !== '{}') Object.defineProperty(process, FOUND, { __proto__: null, value: found })
  return own
}

// Returns the descriptor and the inode of a marker, or undefined if the marker is not for this process. Finds the
// marker even if the program cleaned its environment before it loaded procnative.
function parseMarker(name) {
  const [descriptor, inode, pid] = (markers[name] ?? readStartVariable(name) ?? '').split(':')
  // Keep the inode as a string, because it can have 64 bits.
  return Number(pid) === process.pid ? { descriptor: Number(descriptor), inode } : undefined
}

// Returns the value that a variable had when this process was started.
function readStartVariable(name) {
  const entry = readEnvironment().find((one) => one.startsWith(`${name}=`))
  return entry?.slice(name.length + 1)
}

// Returns the path of the current directory, or undefined if another process has removed the directory.
function findCurrentDirectory() {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

// Like findCurrentDirectory(), but returns bytes if the path is not valid UTF-8. The kernel has the bytes, libuv
// doesn't.
function readCurrentDirectory() {
  const directory = findCurrentDirectory()
  if (directory === undefined || !isLossy(directory)) return directory
  try {
    return fs.readlinkSync('/proc/self/cwd', 'buffer')
  } catch {
    // Without /proc, or without the right to read it, only the string is left.
    return directory
  }
}

// 'bun', 'deno', or undefined in Node.
const otherRuntime = ['bun', 'deno'].find((name) => Object.hasOwn(process.versions, name))

module.exports = {
  argv0: process.argv0,
  execArgv: [...process.execArgv],
  argv: [...process.argv],
  // The arguments, as bytes if they are not valid UTF-8. Read now, because setting process.title overwrites them.
  commandLine: restoreArguments([process.argv0, ...process.execArgv, ...process.argv.slice(1)]),
  directory: readCurrentDirectory(),
  findCurrentDirectory,
  readCurrentDirectory,
  findLauncherMarker: () => parseMarker('PROCNATIVE_DAEMON'),
  findPidFileMarker: () => parseMarker('PROCNATIVE_PID_FILE'),
  getChannelMarker: () => markers.PROCNATIVE_CHANNEL_FD,
  otherRuntime,
}
