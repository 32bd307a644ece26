'use strict'

// What something takes in the process that does it. CommonJS, for what measures require() too.

const fs = require('node:fs')

const entries = (what) => fs.readdirSync(`/proc/self/${what}`).length

/** How many descriptors this process has. */
exports.openDescriptors = () => entries('fd')

function taken() {
  global.gc()
  return { threads: entries('task'), descriptors: entries('fd'), megabytes: process.memoryUsage.rss() / 2 ** 20 }
}

/** A function that tells by how much the process has grown since. */
exports.growth = () => {
  const before = taken()
  return () => {
    const after = taken()
    return Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]))
  }
}
