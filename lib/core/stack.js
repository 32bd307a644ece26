'use strict'

// Checks for room on the stack by a call with many arguments, of 8 bytes each. A recursion would prove nothing: a frame of
// compiled code takes a fraction of the stack that the code takes at its first run.

const ARGUMENTS_PER_KIB = 1024 / 8
const roomOf = (kib) => Array(kib * ARGUMENTS_PER_KIB).fill(0)

// Room to make the JavaScript objects of an opened process, a new child or new descriptors. WITH_SOCKETS: also a socket for each
// pipe. The objects need about 4 KiB. The rest is for code of the program: hooks of async_hooks, wrapped constructors.
const ALONE = roomOf(16)
const WITH_SOCKETS = roomOf(64)

// Room for about thirty frames: the calls between a change in the native half and the same change in JavaScript.
const FRAMES = roomOf(8)

const doNothing = () => {}

// Throws a RangeError if the stack is about to overflow.
const requireStack = (room = FRAMES) => doNothing.apply(undefined, room)

module.exports = { ALONE, requireStack, WITH_SOCKETS }
