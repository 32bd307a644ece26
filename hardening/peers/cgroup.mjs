// A cgroup for all that a run starts, and its removal.

import fs from 'node:fs'
import path from 'node:path'

const mounted = () => fs.readFileSync('/proc/self/mountinfo', 'utf8').match(/^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /m)?.[1]

export const hasCgroups = () => mounted() !== undefined

export function makeCgroup() {
  const directory = path.join(mounted(), `procnative-peers-${process.pid}`)
  fs.mkdirSync(directory)
  return directory
}

/** Removes a cgroup with those below it. Returns the pids that are still in them, which keep them. */
export function removeCgroup(directory) {
  const below = fs.readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const pids = below.flatMap(({ name }) => removeCgroup(path.join(directory, name)))
  pids.push(...pidsIn(directory))
  if (pids.length === 0) fs.rmdirSync(directory)
  return pids
}

const pidsIn = (directory) => fs.readFileSync(path.join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
