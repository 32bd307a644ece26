'use strict'

// measured.cjs FILE [CALL]: requires a module and, if CALL says how, asks it for the session of this process. Prints as JSON how
// long that took, in milliseconds, and how much more there is since: threads, descriptors, resident megabytes.

const { growth } = require('../growth.cjs')

const CALLS = {
  procnative: ({ getsid }) => getsid(0),
  koffi: (koffi) => koffi.load('libc.so.6').func('int getsid(int)')(0),
}

const [file, call] = process.argv.slice(2)
// To look takes memory too, at first.
growth()()
const grown = growth()
const began = performance.now()
const loaded = require(file)
if (call !== undefined) CALLS[call](loaded)
const milliseconds = performance.now() - began
console.log(JSON.stringify({ milliseconds, ...grown() }))
