// Facts about processes from /proc (proc(5)).

import fs from 'node:fs'

function read(path) {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch (error) {
    // The process has ended, or ends now.
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code)) return null
    throw error
  }
}

/** Returns fields of /proc/PID/stat by their names in proc(5), or null without the process. */
export function stat(pid) {
  const text = read(`/proc/${pid}/stat`)
  if (text === null) return null
  const [state, ppid, pgrp, session, tty] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state, ppid: Number(ppid), pgrp: Number(pgrp), session: Number(session), tty: Number(tty) }
}

/** Returns true if a process exists and is no zombie. */
export function isAlive(pid) {
  const { state } = stat(pid) ?? {}
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/** Returns a field of /proc/PID/status as text, or null. */
export function status(pid, field) {
  const text = read(`/proc/${pid}/status`)
  return text?.match(new RegExp(`^${field}:[ \\t]*(.*)$`, 'm'))?.[1] ?? null
}

/** Returns the open descriptors of a process, with the targets of their links in /proc. */
export function descriptors(pid = 'self') {
  const open = {}
  for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
    try {
      open[fd] = fs.readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch (error) {
      // The descriptor by which the directory was read.
      if (error.code !== 'ENOENT') throw error
    }
  }
  return open
}

export const threads = () => fs.readdirSync('/proc/self/task').length

/** Returns the number of procnative's threads in this process. */
export const threadsOfOurs = () =>
  fs.readdirSync('/proc/self/task').filter((id) => read(`/proc/self/task/${id}/comm`) === 'procnative\n').length

/** Returns the pids of this process's children, including zombies. */
export function children() {
  return fs
    .readdirSync('/proc/self/task')
    .flatMap((thread) => (read(`/proc/self/task/${thread}/children`) ?? '').split(' ').filter(Boolean))
    .map(Number)
}

export const allPids = () =>
  fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

// Numbers of fields of /proc/PID/stat (proc(5)).
const STATE = 3
const VSIZE = 23
const ENV_START = 50
const ENV_END = 51

/** Returns the pids of all other processes that were started with `NAME=value` in their environment. */
export function startedWith(name, value) {
  return allPids().filter((pid) => pid !== process.pid && environment(pid)?.split('\0').includes(`${name}=${value}`))
}

/** Returns the environment of a process. During exec(2), /proc shows an empty one, so this function reads it again. */
function environment(pid) {
  for (;;) {
    const text = read(`/proc/${pid}/environ`)
    if (text !== '') return text
    const fields = read(`/proc/${pid}/stat`)?.replace(/.*\) /s, '').split(' ')
    if (fields === undefined) return null
    const [size, start, end] = [VSIZE, ENV_START, ENV_END].map((number) => fields[number - STATE])
    const hasNone = size === '0' || (start === end && start !== '0')
    if (hasNone) return text
  }
}

export const exe = (pid) => fs.readlinkSync(`/proc/${pid}/exe`)
