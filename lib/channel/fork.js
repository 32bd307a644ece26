'use strict'

// child_process.fork() with a channel, and the child's end of it.

const childProcess = require('node:child_process')
const { CHECKS, DEFAULTS, open } = require('./open.js')
const { checkArgument, splitArguments, variableNamesOf } = require('../process/command-checks.js')
const errors = require('../core/errors.js')
const { hasInode } = require('../descriptor/has-inode.js')
const native = require('../core/native.js')
const { own } = require('../core/own-property.js')
const { requireStack } = require('../core/stack.js')
const { getChannelMarker, otherRuntime } = require('../core/process-start.js')
const validate = require('../core/validate.js')

// DESCRIPTOR:INODE:SERIALIZATION:MAX_MESSAGE_LENGTH:MAX_HANDLES, docs/wire-format.md.
const MARKER = 'PROCNATIVE_CHANNEL_FD'

// What is child_process's is looked at there.
const asItIs = (value) => value
const THEIRS = [
  'cwd',
  'detached',
  'env',
  'execArgv',
  'execPath',
  'gid',
  'killSignal',
  'signal',
  'silent',
  'stdio',
  'timeout',
  'uid',
  'windowsHide',
  'windowsVerbatimArguments',
]
// child_process would decode bytes, so bytes are refused.
const textOrNumber = (value, name) =>
  typeof value === 'number' ? checkArgument(value, name) : validate.text(value, name)

// Checks `serialization`, which is for child_process's own channel. A caller can easily mean it for the channel of procnative.
function theirSerialization(value, name) {
  if (value === 'json' || value === 'advanced') return value
  throw errors.invalidArgValue(
    name,
    "must be 'json' or 'advanced'. For child.handles, use { channel: { serialization } }",
    value,
  )
}

const FORK_CHECKS = {
  ...Object.fromEntries(THEIRS.map((name) => [name, asItIs])),
  serialization: theirSerialization,
  channel: (value, name) => validate.options(validate.object(value, name), name, CHECKS),
}

function fork(modulePath, ...rest) {
  requireStack()
  if (otherRuntime === 'deno') throw errors.runtime('fork()', otherRuntime)
  if (!(modulePath instanceof URL)) validate.string(modulePath, 'modulePath')
  const [args, options] = splitArguments(...rest)
  const checkedArgs = validate.arrayOf(textOrNumber)(args, 'args')
  const { channel, ...others } = validate.options(options, 'options', FORK_CHECKS)
  const given = { __proto__: null, ...others }
  const channelOptions = { __proto__: null, ...DEFAULTS, ...channel }
  const stdio = wholeStdio(given.stdio, given.silent)
  const [ours, theirs] = native.socketpair('stream')
  let handles
  try {
    handles = open(ours, channelOptions)
    const { serialization, maxMessageLength, maxHandles } = channelOptions
    const marker = [stdio.length, native.inodeOf(theirs), serialization, maxMessageLength, maxHandles].join(':')
    const env = variables(given.env ?? process.env)
    env[MARKER] = marker
    const child = childProcess.fork(modulePath, checkedArgs, {
      __proto__: null,
      ...given,
      env,
      stdio: [...stdio, theirs],
    })
    return Object.defineProperty(child, 'handles', { __proto__: null, value: handles, enumerable: true })
  } catch (error) {
    handles?.destroy()
    throw error
  } finally {
    native.close(theirs)
  }
}

// Copies the variables, inherited ones included. child_process checks the values.
function variables(env) {
  const copy = { __proto__: null }
  for (const name of variableNamesOf(env, 'options.env')) copy[name] = env[name]
  return copy
}

// What child_process.fork() makes of `stdio` and `silent`.
function wholeStdio(stdio, silent) {
  if (Array.isArray(stdio)) return Array.from({ length: Math.max(3, stdio.length) }, (_, index) => own(stdio, index))
  const each = stdio ?? (silent ? 'pipe' : 'inherit')
  return [each, each, each, 'ipc']
}

let parent

// Property of the program's `process`: a function that returns the channel to the parent while that channel is open. All
// copies of the package return this channel, because two readers of a socket would each get only some of the messages.
const PARENT = Symbol.for('procnative.parentChannel')

function parentChannel() {
  // The channel belongs to the main thread.
  if (!native.isMainThread()) return null
  if (parent === undefined) parent = native.hostProcess()[PARENT]?.() ?? joinParent()
  return parent
}

function joinParent() {
  const [descriptor, inode, serialization, maxMessageLength, maxHandles] = getChannelMarker()?.split(':') ?? []
  const fd = Number(descriptor)
  if (!hasInode(fd, inode) || native.kindOf(fd) !== 'unix-socket') return null
  // Not for our children.
  native.setCloseOnExec(fd, true)
  const channel = open(fd, {
    ...checked({ serialization }),
    ...checked({ maxMessageLength: number(maxMessageLength) }),
    ...checked({ maxHandles: number(maxHandles) }),
  })
  const host = native.hostProcess()
  Object.defineProperty(host, PARENT, { __proto__: null, value: () => channel, configurable: true })
  return channel.once('close', () => delete host[PARENT])
}

const number = (text) => (/^\d+$/.test(text) ? Number(text) : undefined)

// An option that holds, or nothing.
function checked(option) {
  try {
    return validate.options(option, MARKER, CHECKS)
  } catch {
    // Whoever has written that gets what there is without it (docs/wire-format.md).
    return {}
  }
}

module.exports = { fork, parentChannel }
