// The state of this process, to compare before and after a call.

import { children, descriptors, stat, status, threads } from './proc.mjs'

const STATUS = ['Umask', 'SigBlk', 'SigIgn', 'SigCgt', 'Uid', 'Gid', 'Groups']

// The C library opens this file for a moment, on any thread that gives memory back.
const PASSING = ['/proc/sys/vm/overcommit_memory']
const stays = (what) => !what.endsWith('/fd') && !PASSING.includes(what)

function cwd() {
  try {
    return process.cwd()
  } catch (error) {
    return error.code
  }
}

export function state() {
  const { session, pgrp, ppid } = stat('self')
  return {
    ...Object.fromEntries(STATUS.map((field) => [field, status('self', field)])),
    cwd: cwd(),
    session,
    pgrp,
    ppid,
    threads: threads(),
    children: children(),
    descriptors: Object.fromEntries(Object.entries(descriptors()).filter(([, what]) => stays(what))),
    environment: { ...process.env },
    listeners: Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)])),
  }
}

/** Returns the differences by name: `{ cwd: ['/', '/tmp'] }`; inside of objects `{ 'descriptors.5': [null, '/tmp'] }`. */
export function changes(before, after) {
  const [old, now] = [before, after].map(flat)
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])]
  const differing = names.filter((name) => String(old[name]) !== String(now[name]))
  return Object.fromEntries(differing.map((name) => [name, [old[name] ?? null, now[name] ?? null]]))
}

function flat(whole) {
  const parts = Object.entries(whole).map(([name, value]) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[name, value]]
    return Object.entries(value).map(([inner, one]) => [`${name}.${inner}`, one])
  })
  return Object.fromEntries(parts.flat())
}

/** Makes a call and awaits its promise. Returns the outcome, and the changes of the state. */
export async function attempt(call) {
  const before = state()
  const outcome = { threw: false }
  try {
    outcome.returned = typeof (await call())
  } catch (error) {
    const { name, code, syscall, message } = error instanceof Error ? error : { message: String(error) }
    Object.assign(outcome, { threw: true, name, code, syscall, message: message.slice(0, 400) })
  }
  return { ...outcome, changed: changes(before, state()) }
}
