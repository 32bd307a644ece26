'use strict'

// measured.cjs FILE [CALL]: requires a module and, with CALL, gets the session of this process from it. Prints as JSON the time in
// milliseconds, and the growth of the process: threads, descriptors, resident megabytes.

const { growth } = require('../growth.cjs')

const CALLS = {
  procnative: ({ getsid }) => getsid(0),
  koffi: (koffi) => koffi.load('libc.so.6').func('int getsid(int)')(0),
}

const [file, call] = process.argv.slice(2)
// The first measurement takes memory, too.
growth()()
const grown = growth()
const began = performance.now()
const loaded = require(file)
if (call !== undefined) CALLS[call](loaded)
const milliseconds = performance.now() - began
console.log(JSON.stringify({ milliseconds, ...grown() }))
