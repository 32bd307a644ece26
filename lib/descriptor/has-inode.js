'use strict'

// Checks a descriptor that a marker in the environment names: the number may belong to another file by now.

const native = require('../core/native.js')

// The largest possible descriptor.
const MAX_DESCRIPTOR = 2 ** 31 - 1

// Returns true if a descriptor is open and its file has this inode. `inode`: in decimal, as native.inodeOf() returns it.
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
