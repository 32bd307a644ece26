'use strict'

const {
  checkArgument,
  checkDirectory,
  checkEnvironment,
  checkOwnName,
  checkProgram,
  splitArguments,
} = require('./command-checks.js')
const { encodeEnvironment } = require('./environment.js')
const debug = require('../core/debug.js')
const errors = require('../core/errors.js')
const { resolveCredentials } = require('./resolve-credentials.js')
const { requireMainThread } = require('../core/main-thread.js')
const native = require('../core/native.js')
const { encodeStrings } = require('./exec-options.js')
const { own } = require('../core/own-property.js')
const { makeProcess } = require('./process.js')
const { spawnChild } = require('./exit-watch.js')
const { checkSendable, descriptorOf } = require('../descriptor/sendable.js')
const { otherRuntime } = require('../core/process-start.js')
const { ALONE, requireStack, WITH_SOCKETS } = require('../core/stack.js')
const validate = require('../core/validate.js')

const { SIGKILL } = require('node:os').constants.signals

const CHECKS = {
  argv0: checkOwnName,
  // An empty path counts as absent, as in Node.js.
  cwd: (value, name) => (value === '' ? undefined : checkDirectory(value, name)),
  env: checkEnvironment,
  stdio: checkStdio,
  umask: validate.fileMode,
  user: validate.credential,
  group: validate.credential,
  session: validate.boolean,
  processGroup: validate.pid,
  controllingTerminal: validate.descriptor,
  foreground: validate.descriptor,
  parentDeathSignal: validate.signal,
}

function spawn(file, ...rest) {
  const checkedFile = checkProgram(file, 'file')
  const [args, given] = splitArguments(...rest)
  const checkedArgs = validate.arrayOf(checkArgument)(args, 'args')
  const options = {
    __proto__: null,
    argv0: checkedFile,
    env: process.env,
    ...validate.options(given, 'options', CHECKS),
  }
  options.stdio = fillStdio(options.stdio)
  checkCombination(options)
  const net = options.stdio.some(isStream) && require('node:net')
  requireStack(net ? WITH_SOCKETS : ALONE)
  const { pid, watch, pipes } = spawnChild(toLaunchOptions(checkedFile, checkedArgs, options))
  try {
    const child = makeProcess(pid, watch, openSockets(net, pipes, options.stdio))
    debug.spawned(pid, checkedFile, checkedArgs)
    return child
  } catch (error) {
    watch.signal(SIGKILL)
    watch.release()
    throw error
  }
}

function checkCombination({ session, controllingTerminal, processGroup, parentDeathSignal, stdio }) {
  if (processGroup !== undefined && (session || controllingTerminal !== undefined)) {
    throw errors.invalidArgValue(
      'options.processGroup',
      "must not be combined with 'session' or 'controllingTerminal'",
      processGroup,
    )
  }
  if (parentDeathSignal !== undefined) requireMainThread("spawn() with 'parentDeathSignal'")
  const stream = stdio.find(isStream)
  if (stream && otherRuntime) throw errors.runtime(`The stdio '${stream}'`, otherRuntime)
}

function toLaunchOptions(file, args, options) {
  const { argv0, env, cwd, umask, user, group, stdio, session, controllingTerminal } = options
  return {
    __proto__: null,
    program: file,
    argv: encodeStrings([argv0, ...args]),
    environment: encodeEnvironment(env),
    cwd,
    umask,
    identity: resolveCredentials(user, group),
    stdio: stdio.map(toNativeStream),
    session: session === true || controllingTerminal !== undefined,
    processGroup: options.processGroup,
    controllingTerminal,
    foreground: options.foreground,
    parentDeathSignal: options.parentDeathSignal,
  }
}

const checkKind = validate.oneOf('pipe', 'socket', 'ignore', 'inherit')

// Returns true for a descriptor of the child that has its other end in this process.
const isStream = (wanted) => wanted === 'pipe' || wanted === 'socket'

function checkStdio(value, name) {
  if (typeof value === 'string') return checkKind(value, name)
  return validate.arrayOf(checkStream)(value, name)
}

function checkStream(value, name) {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? checkKind(value, name) : checkSendable(value, name)
}

// Returns an entry for each descriptor of the child. Fills gaps: descriptors 0 to 2 with pipes, others with /dev/null.
function fillStdio(given = 'pipe') {
  if (typeof given === 'string') return [given, given, given]
  const length = Math.max(3, given.length)
  return Array.from({ length }, (_, index) => own(given, index) ?? (index < 3 ? 'pipe' : 'ignore'))
}

function toNativeStream(wanted, index) {
  if (wanted === 'ignore') return undefined
  if (wanted === 'inherit') return index
  return isStream(wanted) ? wanted : descriptorOf(wanted, `options.stdio[${index}]`)
}

// Makes the streams of this process. The pipes at 0 to 2 are one-way, all other streams two-way.
function openSockets(net, pipes, stdio) {
  const sockets = []
  try {
    for (const [index, fd] of pipes.entries()) {
      const isPipe = stdio[index] === 'pipe' && index <= 2
      const ways = { readable: !isPipe || index > 0, writable: !isPipe || index === 0 }
      sockets.push(typeof fd === 'number' ? new net.Socket({ __proto__: null, fd, ...ways }) : null)
      if (typeof fd === 'number') native.disown(fd)
    }
    return sockets
  } catch (error) {
    for (const socket of sockets) socket?.destroy()
    for (const fd of pipes.slice(sockets.length)) if (typeof fd === 'number') native.close(fd)
    throw error
  }
}

module.exports = { spawn }
