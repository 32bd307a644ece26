'use strict'

// Whether a descriptor is what a marker in the environment says: at its number there may be something else by now.

const native = require('../core/native.js')

// The largest number that a descriptor can have.
const MAX_DESCRIPTOR = 2 ** 31 - 1

// `inode`: in decimal, as native.inodeOf() returns it.
function hasInode(fd, inode) {
  if (!Number.isInteger(fd) || fd < 0 || fd > MAX_DESCRIPTOR) return false
  try {
    return native.inodeOf(fd) === inode
  } catch (error) {
    if (error.code === 'EBADF') return false
    throw error
  }
}

module.exports = { hasInode }
