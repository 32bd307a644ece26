'use strict'

// Messages to the service manager, sd_notify(3), and sockets from it, sd_listen_fds(3).

const { makeHandle } = require('../descriptor/handle.js')
const debug = require('../core/debug.js')
const errors = require('../core/errors.js')
const native = require('../core/native.js')
const { own, variable } = require('../core/own-property.js')
const validate = require('../core/validate.js')

const FIRST_DESCRIPTOR = 3
const SOCKET_VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']
const PID_VARIABLES = ['LISTEN_PID', 'WATCHDOG_PID']

// The NOTIFY_SOCKET that a successor uses once it is ready: the service manager's socket, or an empty string. Until
// then, the NOTIFY_SOCKET of the successor is a socket of its predecessor, the process that called spawnDaemon().
const MANAGER_VARIABLE = 'PROCNATIVE_NOTIFY_SOCKET'

// Returns the descriptors that were handed to this process, sd_listen_fds(3). Throws if a descriptor is not open.
function findInheritedDescriptors() {
  if (variable('LISTEN_PID') !== String(process.pid)) return []
  // Ignore a value that only begins with a number: the descriptors could belong to other code.
  const end = FIRST_DESCRIPTOR + (/^\d+$/.test(variable('LISTEN_FDS')) ? Number(variable('LISTEN_FDS')) : 0)
  const descriptors = []
  for (let fd = FIRST_DESCRIPTOR; fd < end; fd++) {
    native.inodeOf(fd)
    descriptors.push(fd)
  }
  return descriptors
}

function listenFds() {
  // The sockets belong to the main thread. A worker has a copy of the variables, so the main thread could take them
  // again.
  if (!native.isMainThread()) return []
  const descriptors = findInheritedDescriptors()
  if (descriptors.length === 0) return []
  const names = variable('LISTEN_FDNAMES')?.split(':') ?? []
  for (const descriptor of descriptors) native.setCloseOnExec(descriptor, true)
  // The variables are valid once, and not for the children of this process.
  for (const name of SOCKET_VARIABLES) delete process.env[name]
  return descriptors.map((descriptor, index) => makeHandle(descriptor, own(names, index)))
}

function notify(state) {
  return send(validate.string(state, 'state'), false)
}

// Sends a state to NOTIFY_SOCKET. Returns false if no process listens there, or if a predecessor does not close its
// socket in time. `isPatient`: waits while the queue of the socket is full.
function send(state, isPatient) {
  const socket = variable('NOTIFY_SOCKET')
  if (!socket) return false
  const isReady = state.split('\n').includes('READY=1')
  // A predecessor closes its socket when the service manager knows this process. The manager ignores this process until
  // then.
  const waits = isReady && Boolean(variable(MANAGER_VARIABLE))
  const isHeard = waits ? native.notifyPredecessor(socket, state) : native.notify(socket, state, isPatient)
  if (debug.isOn) debug.log('notify: %O to %O, %s', state, socket, isHeard ? 'heard' : 'not heard')
  if (isReady) switchToManager()
  return isHeard
}

// Replaces the predecessor's NOTIFY_SOCKET by the service manager's.
function switchToManager() {
  const manager = variable(MANAGER_VARIABLE)
  if (manager === undefined) return
  delete process.env[MANAGER_VARIABLE]
  if (manager === '') delete process.env.NOTIFY_SOCKET
  else process.env.NOTIFY_SOCKET = manager
}

// Sends READY=1. Returns false, after a warning, if the message can't be sent.
function sendReady() {
  if (!variable('NOTIFY_SOCKET')) return false
  try {
    return send('READY=1', true) || warn('no process listens at NOTIFY_SOCKET')
  } catch (error) {
    return warn(error.message)
  }
}

// Returns the changes to the environment of a daemon. Unlike its launcher, the daemon is not a successor: it reports to
// the service manager itself.
function getManagerVariables() {
  const manager = variable(MANAGER_VARIABLE)
  if (manager === undefined) return { without: [], added: [] }
  return { without: ['NOTIFY_SOCKET', MANAGER_VARIABLE], added: manager === '' ? [] : [`NOTIFY_SOCKET=${manager}`] }
}

// Prints a warning if the service manager does not know that the daemon is ready.
function warnOfManagerError({ managerError }) {
  if (managerError !== null) warn(managerError || UNREAD)
}

const UNREAD = 'no process listens at NOTIFY_SOCKET, or none has read the message in time'

// Prints a warning instead of throwing, because the service itself runs. Returns false.
function warn(reason) {
  process.stderr.write(errors.managerUnaware(reason))
  return false
}

module.exports = {
  MANAGER_VARIABLE,
  PID_VARIABLES,
  SOCKET_VARIABLES,
  findInheritedDescriptors,
  listenFds,
  getManagerVariables,
  notify,
  sendReady,
  warnOfManagerError,
}
