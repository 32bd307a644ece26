// What something takes in the process that does it.

import fs from 'node:fs'

const entries = (what) => fs.readdirSync(`/proc/self/${what}`).length

function taken() {
  globalThis.gc()
  return { threads: entries('task'), descriptors: entries('fd'), megabytes: process.memoryUsage.rss() / 2 ** 20 }
}

/** A function that tells by how much the process has grown since. */
export function growth() {
  const before = taken()
  return () => {
    const after = taken()
    return Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]))
  }
}
