// Files with inodes that identify descriptors.

import fs from 'node:fs'
import path from 'node:path'

export const inodeOf = (fd) => fs.fstatSync(fd).ino

/** Opens `count` files; returns their descriptors and inodes. */
export function openFiles(directory, count) {
  const fds = Array.from({ length: count }, (_, index) => fs.openSync(path.join(directory, `file-${index}`), 'w'))
  function close() {
    for (const fd of fds) fs.closeSync(fd)
  }
  return { fds, inodes: fds.map(inodeOf), close }
}
