'use strict'

// Room on the stack, in the form of arguments that fill it: each takes 8 bytes. A recursion would not tell, since the
// frames of code that V8 has compiled take a fraction of those of code that runs for the first time.

const KIB = 1024 / 8
const room = (kib) => Array(kib * KIB).fill(0)

// Between a process that was opened, a new child or new descriptors, and their objects; and with a socket for each pipe.
// That takes some 4 KiB. The rest is for what a program has put into the way: hooks of async_hooks, wrapped constructors.
const ALONE = room(16)
const WITH_SOCKETS = room(64)

// Between a change of the native half and its counterpart in JavaScript, of channels and waits: some thirty frames.
const FRAMES = room(8)

const nothing = () => {}

// Throws a RangeError if the stack is about to end.
const requireStack = (room = FRAMES) => nothing.apply(undefined, room)

module.exports = { ALONE, requireStack, WITH_SOCKETS }
