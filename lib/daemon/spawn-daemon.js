'use strict'

// Any program as a daemon, started by a process that goes on.

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
const { failure } = require('./start-error.js')
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
  stdio,
  pidFile: validate.string,
  ready: validate.oneOf('exec', 'notify'),
  readyTimeout: validate.milliseconds,
  listen,
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
  const started = whilePending('PROCNATIVESTARTDAEMON', start(ordersFor(checkedFile, checkedArgs, options), options))
  const outcome = await started.catch((error) => {
    throw at(error)
  })
  systemd.reportUnheard(outcome)
  debug.spawned(outcome.pid, checkedFile, checkedArgs)
  return { pid: outcome.pid }
}

async function start(orders, options) {
  const outcome = await native.startDaemon(orders)
  if (!outcome.ready) throw failure(outcome, options)
  return outcome
}

function ordersFor(file, args, options) {
  const sockets = options.listen
  const stdio = outputs(options.stdio)
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
    ...surroundings(options, sockets),
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

// The environment. Who speaks to systemd for this process, its successor will.
function surroundings({ env, pidFile, ready }, sockets) {
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

function outputs(stdio) {
  const given = typeof stdio === 'string' ? [stdio, stdio, stdio] : stdio
  return Array.from({ length: Math.max(3, given.length) }, (_, index) =>
    resolveOutput(own(given, index) ?? 'ignore', index),
  )
}

// A check of `stdio`.
function stdio(value, name) {
  if (typeof value === 'string') return validate.oneOf('ignore', 'inherit')(value, name)
  const checked = validate.arrayOf(stream)(value, name)
  if (typeof checked[0] === 'string' && !['ignore', 'inherit'].includes(checked[0])) {
    throw errors.invalidArgValue(
      `${name}[0]`,
      'must not be a path because paths are opened for appending. Pass a descriptor',
      checked[0],
    )
  }
  return checked
}

// A hole, null or undefined is the default, as in child_process.
const stream = (value, name) => (value === undefined || value === null ? undefined : validate.output(value, name))

// A check of `listen`: sockets in their order, with labels if it is an object.
function listen(value, name) {
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
