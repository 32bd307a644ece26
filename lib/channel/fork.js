'use strict'

// fork(): child_process.fork() with a channel. parentChannel(): the child's end of that channel.

const childProcess = require('node:child_process')
const { CHECKS, DEFAULTS, open } = require('./open.js')
const { checkArgument, splitArguments, variableNamesOf } = require('../process/command-checks.js')
const debug = require('../core/debug.js')
const errors = require('../core/errors.js')
const { hasInode } = require('../descriptor/has-inode.js')
const native = require('../core/native.js')
const { own } = require('../core/own-property.js')
const { requireStack } = require('../core/stack.js')
const { getChannelMarker, otherRuntime } = require('../core/process-start.js')
const validate = require('../core/validate.js')

// DESCRIPTOR:INODE:SERIALIZATION:MAX_MESSAGE_LENGTH:MAX_HANDLES, docs/wire-format.md.
const MARKER = 'PROCNATIVE_CHANNEL_FD'

// Options of child_process.fork(), which checks their values itself.
const acceptAny = (value) => value
const CHILD_PROCESS_OPTIONS = [
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
const checkTextOrNumber = (value, name) =>
  typeof value === 'number' ? checkArgument(value, name) : validate.text(value, name)

// Checks `serialization`, which is for child_process's own channel. A caller can easily mean it for the channel of procnative.
function checkSerialization(value, name) {
  if (value === 'json' || value === 'advanced') return value
  throw errors.invalidArgValue(
    name,
    "must be 'json' or 'advanced'. For child.handles, use { channel: { serialization } }",
    value,
  )
}

const FORK_CHECKS = {
  ...Object.fromEntries(CHILD_PROCESS_OPTIONS.map((name) => [name, acceptAny])),
  serialization: checkSerialization,
  channel: (value, name) => validate.options(validate.object(value, name), name, CHECKS),
}

function fork(modulePath, ...rest) {
  requireStack()
  if (otherRuntime === 'deno') throw errors.runtime('fork()', otherRuntime)
  if (!(modulePath instanceof URL)) validate.string(modulePath, 'modulePath')
  const [args, options] = splitArguments(...rest)
  const checkedArgs = validate.arrayOf(checkTextOrNumber)(args, 'args')
  const { channel, ...others } = validate.options(options, 'options', FORK_CHECKS)
  const given = { __proto__: null, ...others }
  const channelOptions = { __proto__: null, ...DEFAULTS, ...channel }
  const stdio = completeStdio(given.stdio, given.silent)
  const [ours, theirs] = native.socketpair('stream')
  let handles
  try {
    handles = open(ours, channelOptions)
    const { serialization, maxMessageLength, maxHandles } = channelOptions
    const marker = [stdio.length, native.inodeOf(theirs), serialization, maxMessageLength, maxHandles].join(':')
    const env = copyVariables(given.env ?? process.env)
    env[MARKER] = marker
    const child = childProcess.fork(modulePath, checkedArgs, {
      __proto__: null,
      ...given,
      env,
      stdio: [...stdio, theirs],
    })
    if (child.pid !== undefined) debug.spawned(child.pid, modulePath, checkedArgs)
    return Object.defineProperty(child, 'handles', { __proto__: null, value: handles, enumerable: true })
  } catch (error) {
    handles?.destroy()
    throw error
  } finally {
    native.close(theirs)
  }
}

// Copies the variables, inherited ones included. child_process checks the values.
function copyVariables(env) {
  const copy = { __proto__: null }
  for (const name of variableNamesOf(env, 'options.env')) copy[name] = env[name]
  return copy
}

// Returns `stdio` as child_process.fork() completes it.
function completeStdio(stdio, silent) {
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
  // Children of this process must not inherit the channel.
  native.setCloseOnExec(fd, true)
  const channel = open(fd, {
    ...keepValid({ serialization }),
    ...keepValid({ maxMessageLength: parseNumber(maxMessageLength) }),
    ...keepValid({ maxHandles: parseNumber(maxHandles) }),
  })
  const host = native.hostProcess()
  Object.defineProperty(host, PARENT, { __proto__: null, value: () => channel, configurable: true })
  return channel.once('close', () => delete host[PARENT])
}

const parseNumber = (text) => (/^\d+$/.test(text) ? Number(text) : undefined)

// Returns an object with the option, or an empty object if the value of the option is invalid.
function keepValid(option) {
  try {
    return validate.options(option, MARKER, CHECKS)
  } catch {
    // docs/wire-format.md: the default replaces an invalid field of the marker.
    return {}
  }
}

module.exports = { fork, parentChannel }
