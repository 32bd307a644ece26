'use strict'

// Reads the state of processes from the kernel (proc(5)).

const fs = require('node:fs')

/** Returns the state of a process, or undefined without such a process. @param {number | 'self'} pid */
function stat(pid) {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name before the last ")" may contain any characters.
    const [state, ppid, group, session, terminal] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return {
      state,
      ppid: Number(ppid),
      group: Number(group),
      session: Number(session),
      terminal: terminalName(Number(terminal)),
    }
  } catch {
    return undefined
  }
}

/** Returns the name of a terminal as ps(1) prints it: `pts/3`, or `?` for none. @param {number} device */
function terminalName(device) {
  if (device === 0) return '?'
  const [major, minor] = [(device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00)]
  return major >= 136 && major < 144 ? `pts/${(major - 136) * 256 + minor}` : `tty${minor}`
}

/** Returns the command line of a process, which is empty for a zombie. @param {number} pid */
function commandLine(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim()
  } catch {
    return ''
  }
}

/** Returns a table of the existing processes, like `ps -o pid,ppid,pgid,sid,tty,stat,args`. @param {number[]} pids */
function ps(pids) {
  const rows = [['PID', 'PPID', 'PGID', 'SID', 'TTY', 'STAT', 'COMMAND']]
  for (const pid of pids) {
    const found = stat(pid)
    if (!found) continue
    const { state, ppid, group, session, terminal } = found
    rows.push([pid, ppid, group, session, terminal, state, commandLine(pid)].map(String))
  }
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at < 4 ? cell.padStart(7) : cell.padEnd(6)))
        .join(' ')
        .trimEnd(),
    )
    .join('\n')
}

module.exports = { stat, ps }
