// Descriptors that run out.

import fs from 'node:fs'

/** Opens descriptors until there are none left; returns them. */
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
