'use strict'

// Checks for room on the stack by a call with many arguments, each of which takes 8 bytes. A recursion would prove nothing:
// a frame of compiled code takes a fraction of the stack that code takes when it runs for the first time.

const KIB = 1024 / 8
const room = (kib) => Array(kib * KIB).fill(0)

// Room to make the JavaScript objects of an opened process, a new child or new descriptors; with sockets, one for each pipe.
// These need about 4 KiB. The rest is for code of the program: hooks of async_hooks, wrapped constructors.
const ALONE = room(16)
const WITH_SOCKETS = room(64)

// Room for about thirty frames: between a change in the native half and the same change in JavaScript (channels, waits).
const FRAMES = room(8)

const nothing = () => {}

// Throws a RangeError if the stack is about to overflow.
const requireStack = (room = FRAMES) => nothing.apply(undefined, room)

module.exports = { ALONE, requireStack, WITH_SOCKETS }
