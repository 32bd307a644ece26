'use strict'

// spawnDaemon(): starts any program as a daemon, while this process goes on.

const path = require('node:path')
const { callSite } = require('../core/call-site.js')
const {
  checkArgument,
  checkDirectory,
  checkEnvironment,
  checkOwnName,
  checkProgram,
  splitArguments,
} = require('../process/command-checks.js')
const { encodeEnvironment, ownPidVariables } = require('../process/environment.js')
const debug = require('../core/debug.js')
const errors = require('../core/errors.js')
const { resolveCredentials } = require('../process/resolve-credentials.js')
const native = require('../core/native.js')
const { encodeStrings, resolveOutput } = require('../process/exec-options.js')
const { startError } = require('./start-error.js')
const { own, variable } = require('../core/own-property.js')
const { acceptHandedOver } = require('./pid-file.js')
const { whilePending } = require('../core/async-resource.js')
const { checkNoUnixServer, checkSendable, descriptorOf } = require('../descriptor/sendable.js')
const systemd = require('./systemd.js')
const validate = require('../core/validate.js')

const CHECKS = {
  argv0: checkOwnName,
  cwd: checkDirectory,
  env: checkEnvironment,
  umask: validate.fileMode,
  user: validate.credential,
  group: validate.credential,
  stdio: checkStdio,
  pidFile: validate.string,
  ready: validate.oneOf('exec', 'notify'),
  readyTimeout: validate.milliseconds,
  listen: checkListen,
}

async function spawnDaemon(file, ...rest) {
  const checkedFile = checkProgram(file, 'file')
  const [args, given] = splitArguments(...rest)
  const checkedArgs = validate.arrayOf(checkArgument)(args, 'args')
  const options = {
    __proto__: null,
    argv0: checkedFile,
    cwd: '/',
    env: process.env,
    umask: 0o022,
    stdio: 'ignore',
    ready: 'exec',
    readyTimeout: 30_000,
    listen: [],
    ...validate.options(given, 'options', CHECKS),
  }
  const at = callSite()
  const starting = whilePending(
    'PROCNATIVESTARTDAEMON',
    start(toLaunchOptions(checkedFile, checkedArgs, options), options),
  )
  const outcome = await starting.catch((error) => {
    throw at(error)
  })
  systemd.warnOfManagerError(outcome)
  debug.spawned(outcome.pid, checkedFile, checkedArgs)
  return { pid: outcome.pid }
}

async function start(launchOptions, options) {
  const outcome = await native.startDaemon(launchOptions)
  if (outcome.kind !== 'ready') throw startError(outcome, options)
  return outcome
}

// Converts the arguments of spawnDaemon() into the launch options of the native half.
function toLaunchOptions(file, args, options) {
  const sockets = options.listen
  const stdio = toOutputs(options.stdio)
  if (sockets.length > 0 && stdio.length > 3) {
    throw errors.invalidArgValue(
      'options.stdio',
      "must have at most three entries because 'options.listen' starts at descriptor 3",
      options.stdio,
    )
  }
  const pidFile = options.pidFile === undefined ? undefined : path.resolve(options.pidFile)
  if (pidFile !== undefined) acceptHandedOver(pidFile)
  return {
    __proto__: null,
    program: file,
    argv: encodeStrings([options.argv0, ...args]),
    ...buildDaemonEnvironment(options, sockets),
    cwd: path.resolve(options.cwd),
    umask: options.umask,
    identity: resolveCredentials(options.user, options.group),
    stdio,
    listen: sockets.map(({ value, name }) => descriptorOf(value, name)),
    pidFile,
    notifies: options.ready === 'notify',
    manager: variable('NOTIFY_SOCKET') || undefined,
    timeout: options.readyTimeout,
  }
}

// Returns the environment of the daemon. A daemon that notifies gets a NOTIFY_SOCKET of this process until it is ready.
// After that it uses the NOTIFY_SOCKET of `env`.
function buildDaemonEnvironment({ env, pidFile, ready }, sockets) {
  const without = sockets.length > 0 ? [...systemd.SOCKET_VARIABLES] : []
  const variables = []
  const ownPid = pidFile === undefined ? [] : ownPidVariables(env, ['WATCHDOG_PID'])
  if (ready === 'notify') {
    without.push('NOTIFY_SOCKET', systemd.MANAGER_VARIABLE)
    variables.push(`${systemd.MANAGER_VARIABLE}=${own(env, 'NOTIFY_SOCKET') ?? ''}`)
  }
  if (sockets.length > 0) {
    ownPid.push('LISTEN_PID')
    variables.push(`LISTEN_FDS=${sockets.length}`)
    const labels = sockets.map(({ label }) => label)
    if (labels[0] !== undefined) variables.push(`LISTEN_FDNAMES=${labels.join(':')}`)
  }
  return { environment: encodeEnvironment(env), without, ownPid, variables: encodeStrings(variables) }
}

function toOutputs(stdio) {
  const given = typeof stdio === 'string' ? [stdio, stdio, stdio] : stdio
  return Array.from({ length: Math.max(3, given.length) }, (_, index) =>
    resolveOutput(own(given, index) ?? 'ignore', index),
  )
}

// Checks the option `stdio`.
function checkStdio(value, name) {
  if (typeof value === 'string') return validate.oneOf('ignore', 'inherit')(value, name)
  const checked = validate.arrayOf(checkStream)(value, name)
  if (typeof checked[0] === 'string' && !['ignore', 'inherit'].includes(checked[0])) {
    throw errors.invalidArgValue(
      `${name}[0]`,
      'must not be a path because paths are opened for appending. Pass a descriptor',
      checked[0],
    )
  }
  return checked
}

// Checks one stream of `stdio`. A hole, null or undefined means the default, as in child_process.
const checkStream = (value, name) => (value === undefined || value === null ? undefined : validate.output(value, name))

// Checks the option `listen`. Returns the sockets in their order, with labels if the option is an object.
function checkListen(value, name) {
  const isList = Array.isArray(value)
  const entries = isList
    ? validate.arrayOf((one) => [undefined, one])(value, name)
    : Object.entries(validate.object(value, name))
  return entries.map(([label, one], index) => {
    const place = isList ? `${name}[${index}]` : `${name}.${label}`
    // sd_listen_fds_with_names(3): no control characters, no colon, 255 characters.
    if (label !== undefined && !/^[^\p{Cc}:]{1,255}$/u.test(label)) {
      throw errors.invalidArgValue(name, 'must have names of 1 to 255 characters, without colons', label)
    }
    return { label, name: place, value: checkNoUnixServer(checkSendable(one, place), place) }
  })
}

module.exports = { spawnDaemon }
