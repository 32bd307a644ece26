'use strict'

// How this process was started, kept when procnative is loaded: a program may change its arguments, its directory and
// its environment before it calls daemonize().

const fs = require('node:fs')
const { isLossy, originalArguments, originalEnvironment } = require('./original-strings.js')
const { variable } = require('./own-property.js')

// Not for this process's children: DESCRIPTOR:INODE:PID, left by a launcher for the link to it (src/daemon/link.rs), and by a
// predecessor for the pid file (src/daemon/pid_file/held.rs); and what fork() has left, of which lib/channel/fork.js knows the fields.
const MARKERS = ['PROCNATIVE_DAEMON', 'PROCNATIVE_PID_FILE', 'PROCNATIVE_CHANNEL_FD']

// Where the first copy of the package leaves the markers for other copies, as a string: an object would keep that copy alive.
const FOUND = Symbol.for('procnative.markers')

const left = takeMarkers()

function takeMarkers() {
  const markers = Object.fromEntries(MARKERS.map((name) => [name, variable(name)]))
  for (const name of MARKERS) delete process.env[name]
  if (Object.hasOwn(process, FOUND)) return { ...markers, ...JSON.parse(process[FOUND]) }
  const found = JSON.stringify(markers)
  if (found !== '{}') Object.defineProperty(process, FOUND, { __proto__: null, value: found })
  return markers
}

// The descriptor and the inode of a marker that is meant for this process, also where the environment was cleaned
// before procnative was loaded.
function marker(name) {
  const [descriptor, inode, pid] = (left[name] ?? originalVariable(name) ?? '').split(':')
  // Keep the inode as a string, because it can have 64 bits.
  return Number(pid) === process.pid ? { descriptor: Number(descriptor), inode } : undefined
}

function originalVariable(name) {
  const variable = originalEnvironment().find((one) => one.startsWith(`${name}=`))
  return variable?.slice(name.length + 1)
}

function currentDirectory() {
  try {
    return process.cwd()
  } catch {
    // Removed under our feet: then there is no path to it.
    return undefined
  }
}

// Returns bytes if the path is not valid UTF-8. The kernel has the bytes, libuv doesn't.
function currentDirectoryBytes() {
  const directory = currentDirectory()
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
  commandLine: originalArguments([process.argv0, ...process.execArgv, ...process.argv.slice(1)]),
  directory: currentDirectoryBytes(),
  currentDirectory,
  currentDirectoryBytes,
  launcherMark: () => marker('PROCNATIVE_DAEMON'),
  pidFileMark: () => marker('PROCNATIVE_PID_FILE'),
  channelMark: () => left.PROCNATIVE_CHANNEL_FD,
  otherRuntime,
}
