'use strict'

// measured.cjs FILE [CALL]: requires a module and, if CALL says how, asks it for the session of this process. Prints as
// JSON how long that took, in milliseconds, and how much more there is since: threads, descriptors, resident megabytes.

const fs = require('node:fs')

const CALLS = {
  procnative: ({ getsid }) => getsid(0),
  koffi: (koffi) => koffi.load('libc.so.6').func('int getsid(int)')(0),
}

const count = (directory) => fs.readdirSync(directory).length

function possessions() {
  global.gc()
  return {
    threads: count('/proc/self/task'),
    descriptors: count('/proc/self/fd'),
    megabytes: process.memoryUsage.rss() / 2 ** 20,
  }
}

const [file, call] = process.argv.slice(2)
// To look takes memory too, at first.
possessions()
const before = possessions()
const began = performance.now()
const loaded = require(file)
if (call !== undefined) CALLS[call](loaded)
const milliseconds = performance.now() - began
const after = possessions()
const grown = Object.fromEntries(Object.keys(before).map((key) => [key, after[key] - before[key]]))
console.log(JSON.stringify({ milliseconds, ...grown }))
