// What the fuzzer keeps from doing, since it would be the caller's own harm and no defect.

import { isProxy } from 'node:util/types'

/**
 * Numbers that are passed as descriptors are these, the standard streams, and what no descriptor can be. What libuv and V8 have
 * open they would never recover from losing, be it by dup2() or by a channel that takes it over and closes it; as they take the
 * lowest numbers that are free, they never come as far as this.
 */
export const DESCRIPTORS = { first: 900, last: 999 }

/** Numbers of descriptors end here (RLIMIT_NOFILE). */
export const MOST_DESCRIPTORS = 1024

/** A round ends when so many are open, before libuv gets to those that are ours. */
export const FULL = 850

/** In the namespace of a round the pids begin after this: none is the number of a descriptor. */
export const LAST_PID = 2000

/** dup2(from, to): `to` is one of ours. */
export function ownTarget(to) {
  const isOthers = Number.isInteger(to) && to >= 0 && to < DESCRIPTORS.first
  return isOthers ? DESCRIPTORS.first + (to % 100) : to
}

/** Whether a process is not to be signalled: the fuzzer itself, which would end as it was told to, and what has started it. */
export const isSpared = (value, { Process }) =>
  !isProxy(value) && value instanceof Process && [process.pid, process.ppid].includes(value.pid)
