// What the kernel says about processes, from /proc (proc(5)).

import fs from 'node:fs'

function read(path) {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch (error) {
    // Gone, or going.
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code)) return null
    throw error
  }
}

/** Fields of /proc/PID/stat by their names there, or null when there is no such process. */
export function stat(pid) {
  const text = read(`/proc/${pid}/stat`)
  if (text === null) return null
  const [state, ppid, pgrp, session, tty] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state, ppid: Number(ppid), pgrp: Number(pgrp), session: Number(session), tty: Number(tty) }
}

/** A process that is there and no zombie. */
export function isAlive(pid) {
  const { state } = stat(pid) ?? {}
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/** A field of /proc/PID/status, as text. */
export function status(pid, field) {
  const text = read(`/proc/${pid}/status`)
  return text?.match(new RegExp(`^${field}:[ \\t]*(.*)$`, 'm'))?.[1] ?? null
}

/** Open descriptors and what they are. */
export function descriptors(pid = 'self') {
  const open = {}
  for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
    try {
      open[fd] = fs.readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch (error) {
      // The one that the directory was read by.
      if (error.code !== 'ENOENT') throw error
    }
  }
  return open
}

export const threads = () => fs.readdirSync('/proc/self/task').length

/** How many of this process's threads are procnative's own. */
export const threadsOfOurs = () =>
  fs.readdirSync('/proc/self/task').filter((id) => read(`/proc/self/task/${id}/comm`) === 'procnative\n').length

/** The pids of this process's children, zombies included. */
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

// The numbers of some fields of /proc/PID/stat.
const STATE = 3
const VSIZE = 23
const ENV_START = 50
const ENV_END = 51

/** The pids of all processes, besides this one, that were started with `NAME=value` in their environment. */
export function startedWith(name, value) {
  return allPids().filter((pid) => pid !== process.pid && environment(pid)?.split('\0').includes(`${name}=${value}`))
}

/** Of a process that is in exec(2), it is read again: there is none in /proc until the kernel has copied the new one. */
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
