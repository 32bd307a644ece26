'use strict'

// Whether a descriptor is what a marker in the environment says: at its number there may be something else by now.

const native = require('../core/native.js')

// The largest number that a descriptor can have.
const MOST = 2 ** 31 - 1

// `inode`: in decimal, as native.inodeOf() returns it.
function isInode(fd, inode) {
  if (!Number.isInteger(fd) || fd < 0 || fd > MOST) return false
  try {
    return native.inodeOf(fd) === inode
  } catch (error) {
    if (error.code === 'EBADF') return false
    throw error
  }
}

module.exports = { isInode }
