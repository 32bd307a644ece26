'use strict'

// child_process.fork() with a channel, and the child's end of it.

const childProcess = require('node:child_process')
const { CHECKS, DEFAULTS, open } = require('./channels.js')
const errors = require('./errors.js')
const native = require('./native.js')
const serializations = require('./serialization.js')
const { channelMark, otherRuntime } = require('./start.js')
const validate = require('./validate.js')

// DESCRIPTOR:INODE:SERIALIZATION:MAX_MESSAGE_LENGTH:MAX_HANDLES, docs/wire-format.md.
const MARKER = 'PROCNATIVE_CHANNEL_FD'

function fork(modulePath, args = [], options) {
  if (otherRuntime() === 'deno') throw errors.runtime('fork()', otherRuntime())
  validate.arrayOf(validate.text)(args, 'args')
  const { channel, ...given } = options === undefined ? {} : validate.object(options, 'options')
  const channelOptions = { ...DEFAULTS, ...validate.options(channel, 'options.channel', CHECKS) }
  const stdio = wholeStdio(given)
  const [ours, theirs] = native.socketpair('stream')
  const handles = open(ours, channelOptions)
  try {
    const { serialization, maxMessageLength, maxHandles } = channelOptions
    const marker = [stdio.length, native.inodeOf(theirs), serialization, maxMessageLength, maxHandles].join(':')
    const env = { ...(given.env ?? process.env), [MARKER]: marker }
    const child = childProcess.fork(modulePath, args, { ...given, env, stdio: [...stdio, theirs] })
    return Object.defineProperty(child, 'handles', { value: handles, enumerable: true })
  } catch (error) {
    handles.destroy()
    throw error
  } finally {
    native.close(theirs)
  }
}

// What child_process.fork() makes of `stdio` and `silent`.
function wholeStdio({ stdio, silent }) {
  if (Array.isArray(stdio)) return stdio
  const each = stdio ?? (silent ? 'pipe' : 'inherit')
  return [each, each, each, 'ipc']
}

// The largest number that a descriptor can have.
const MOST = 2 ** 31 - 1

let parent

function parentChannel() {
  if (!native.isMainThread()) throw errors.workerThread('parentChannel()')
  if (parent === undefined) parent = joinParent()
  return parent
}

function joinParent() {
  const [descriptor, inode, serialization, maxMessageLength, maxHandles] = channelMark()?.split(':') ?? []
  const fd = Number(descriptor)
  if (!isSocket(fd, Number(inode))) return null
  // Not for our children.
  native.setCloseOnExec(fd, true)
  return open(fd, {
    serialization: Object.hasOwn(serializations, serialization) ? serialization : DEFAULTS.serialization,
    maxMessageLength: Number(maxMessageLength) || DEFAULTS.maxMessageLength,
    maxHandles: maxHandles === undefined ? DEFAULTS.maxHandles : Number(maxHandles),
  })
}

// Whether it is the very socket, and not what somebody else has put there.
function isSocket(fd, inode) {
  if (!Number.isInteger(fd) || fd < 0 || fd > MOST) return false
  try {
    return native.inodeOf(fd) === inode && native.kindOf(fd) === 'unix-socket'
  } catch (error) {
    if (error.code === 'EBADF') return false
    throw error
  }
}

module.exports = { fork, parentChannel }
