// Limits of the fuzzer: calls beyond them harm the caller itself and show no defect.

import { isProxy } from 'node:util/types'

/**
 * The fuzzer passes these numbers as descriptors, the standard streams, and numbers that no descriptor can have. libuv and V8
 * can't lose their descriptors, by dup2() or by a channel that takes a descriptor over and closes it. They take the lowest free
 * numbers, so they never reach this range.
 */
export const DESCRIPTORS = { first: 900, last: 999 }

/** The limit of descriptor numbers (RLIMIT_NOFILE). */
export const MOST_DESCRIPTORS = 1024

/** A round ends at this number of open descriptors, before libuv reaches the range above. */
export const FULL = 850

/** The pids of a round begin after this number, so that no pid is the number of a descriptor. */
export const LAST_PID = 2000

/** Returns a target for dup2() in the range above, instead of a descriptor of the runtime. */
export function ownTarget(to) {
  const isOthers = Number.isInteger(to) && to >= 0 && to < DESCRIPTORS.first
  return isOthers ? DESCRIPTORS.first + (to % 100) : to
}

/** Returns true for a Process that must not be signaled: the fuzzer itself, which would end, and its parent. */
export const isSpared = (value, { Process }) =>
  !isProxy(value) && value instanceof Process && [process.pid, process.ppid].includes(value.pid)
