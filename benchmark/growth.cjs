'use strict'

// The growth of this process by a piece of work. CommonJS, because one benchmark measures require().

const fs = require('node:fs')

const entries = (what) => fs.readdirSync(`/proc/self/${what}`).length

/** Returns the number of open descriptors of this process. */
exports.openDescriptors = () => entries('fd')

function taken() {
  global.gc()
  return { threads: entries('task'), descriptors: entries('fd'), megabytes: process.memoryUsage.rss() / 2 ** 20 }
}

/** Returns a function that returns the growth of the process since this call. */
exports.growth = () => {
  const before = taken()
  return () => {
    const after = taken()
    return Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]))
  }
}
