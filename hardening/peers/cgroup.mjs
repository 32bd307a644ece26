// Makes a cgroup for all processes that a run starts, and removes it.

import fs from 'node:fs'
import path from 'node:path'

const mounted = () => fs.readFileSync('/proc/self/mountinfo', 'utf8').match(/^\S+ \S+ \S+ \/ (\S+) .* - cgroup2 /m)?.[1]

/** Returns true if this process can make cgroups. In most containers, they are read-only. */
export function hasCgroups() {
  const directory = mounted()
  if (directory === undefined) return false
  try {
    fs.accessSync(directory, fs.constants.W_OK)
    return true
  } catch (error) {
    if (error.code !== 'EROFS') throw error
    return false
  }
}

export function makeCgroup() {
  const directory = path.join(mounted(), `procnative-peers-${process.pid}`)
  fs.mkdirSync(directory)
  return directory
}

/**
 * Removes a cgroup with those below it. Returns what keeps one of them: pids, or the group itself while the kernel has not yet
 * cleaned up killed processes.
 */
export function removeCgroup(directory) {
  const below = fs.readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const left = below.flatMap(({ name }) => removeCgroup(path.join(directory, name)))
  left.push(...pidsIn(directory))
  if (left.length > 0) return left
  try {
    fs.rmdirSync(directory)
    return []
  } catch (error) {
    if (error.code !== 'EBUSY') throw error
    return [directory]
  }
}

const pidsIn = (directory) => fs.readFileSync(path.join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
