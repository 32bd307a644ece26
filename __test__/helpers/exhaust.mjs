// Uses up the descriptors of this process.

import fs from 'node:fs'

/** Opens descriptors until EMFILE. Returns the descriptors. */
export function exhaust() {
  const opened = []
  for (;;) {
    try {
      opened.push(fs.openSync('/dev/null'))
    } catch (error) {
      if (error.code !== 'EMFILE') throw error
      return opened
    }
  }
}

export const closeAll = (fds) => {
  for (const fd of fds) fs.closeSync(fd)
}
