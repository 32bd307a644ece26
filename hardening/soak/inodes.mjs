// Files by which one tells descriptors apart.

import fs from 'node:fs'
import path from 'node:path'

export const inodeOf = (fd) => fs.fstatSync(fd).ino

/** So many open files, and their inodes. */
export function openFiles(directory, count) {
  const fds = Array.from({ length: count }, (_, index) => fs.openSync(path.join(directory, `file-${index}`), 'w'))
  function close() {
    for (const fd of fds) fs.closeSync(fd)
  }
  return { fds, inodes: fds.map(inodeOf), close }
}
