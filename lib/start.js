'use strict'

// How this process was started, kept when procnative is loaded: a program may change its arguments, its directory and
// its environment before it calls daemonize().

const fs = require('node:fs')

// Left by a launcher: DESCRIPTOR:INODE:PID of the link to it (src/daemon/link.rs). Not for this process's children.
const MARKER = 'PROCNATIVE_DAEMON'
const marker = process.env[MARKER]
delete process.env[MARKER]

// The marker, also where the environment was cleaned before procnative was loaded.
function launcherMarker() {
  return (
    marker ??
    originalEnvironment()
      .find((variable) => variable.startsWith(`${MARKER}=`))
      ?.slice(MARKER.length + 1)
  )
}

function originalEnvironment() {
  try {
    return fs.readFileSync('/proc/self/environ', 'latin1').split('\0')
  } catch {
    // A process that is not dumpable may not read it. Then what was seen above is all there is.
    return []
  }
}

function currentDirectory() {
  try {
    return process.cwd()
  } catch {
    // Removed under our feet: then there is no path to it.
    return undefined
  }
}

// 'bun', 'deno', or undefined in Node.
const otherRuntime = () => ['bun', 'deno'].find((name) => name in process.versions)

module.exports = {
  argv0: process.argv0,
  execArgv: [...process.execArgv],
  argv: [...process.argv],
  directory: currentDirectory(),
  currentDirectory,
  launcherMarker,
  otherRuntime,
}
