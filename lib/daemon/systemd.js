'use strict'

// What a service manager gives a process, and what it is told.

const { handleOf } = require('../descriptor/handle.js')
const debug = require('../core/debug.js')
const native = require('../core/native.js')
const { own, variable } = require('../core/own-property.js')
const validate = require('../core/validate.js')

const FIRST_DESCRIPTOR = 3
const SOCKET_VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']
const PID_VARIABLES = ['LISTEN_PID', 'WATCHDOG_PID']

// While a daemon that spawnDaemon() has started is not ready, NOTIFY_SOCKET is its starter's, and this is what it will
// be then: the service manager's, or nothing.
const MANAGER_VARIABLE = 'PROCNATIVE_NOTIFY_SOCKET'

// The descriptors that were handed to this very process, sd_listen_fds(3). One that is not open after all is an error.
function inheritedDescriptors() {
  if (variable('LISTEN_PID') !== String(process.pid)) return []
  // What only begins with a number is none: those would be somebody else's descriptors.
  const end = FIRST_DESCRIPTOR + (/^\d+$/.test(variable('LISTEN_FDS')) ? Number(variable('LISTEN_FDS')) : 0)
  const descriptors = []
  for (let fd = FIRST_DESCRIPTOR; fd < end; fd++) {
    native.inodeOf(fd)
    descriptors.push(fd)
  }
  return descriptors
}

function listenFds() {
  // The sockets belong to the main thread. A worker has a copy of the variables, so the main thread could take them again.
  if (!native.isMainThread()) return []
  const descriptors = inheritedDescriptors()
  if (descriptors.length === 0) return []
  const names = variable('LISTEN_FDNAMES')?.split(':') ?? []
  for (const descriptor of descriptors) native.setCloseOnExec(descriptor, true)
  // They are good for once, and not for this process's children.
  for (const name of SOCKET_VARIABLES) delete process.env[name]
  return descriptors.map((descriptor, index) => handleOf(descriptor, own(names, index)))
}

function notify(state) {
  return tell(validate.string(state, 'state'), false)
}

function tell(state, isPatient) {
  const socket = variable('NOTIFY_SOCKET')
  if (!socket) return false
  const isReady = state.split('\n').includes('READY=1')
  // A predecessor closes its socket when the service manager knows this process. The manager ignores this process until then.
  const waits = isReady && Boolean(variable(MANAGER_VARIABLE))
  const heard = waits ? native.notifyPredecessor(socket, state) : native.notify(socket, state, isPatient)
  if (debug.isOn) debug.log('notify: %O to %O, %s', state, socket, heard ? 'heard' : 'not heard')
  if (isReady) turnToManager()
  return heard
}

// From the one that waits for this process to be ready to the one that it will run under.
function turnToManager() {
  const manager = variable(MANAGER_VARIABLE)
  if (manager === undefined) return
  delete process.env[MANAGER_VARIABLE]
  if (manager === '') delete process.env.NOTIFY_SOCKET
  else process.env.NOTIFY_SOCKET = manager
}

// Says that this process is ready. Returns whether somebody has heard it.
function ready() {
  if (!variable('NOTIFY_SOCKET')) return false
  try {
    return tell('READY=1', true) || complain('nobody listens at NOTIFY_SOCKET')
  } catch (error) {
    return complain(error.message)
  }
}

// Returns the changes to the environment of a daemon. Unlike its launcher, the daemon is not a successor: it reports to the
// service manager itself.
function managerVariables() {
  const manager = variable(MANAGER_VARIABLE)
  if (manager === undefined) return { without: [], added: [] }
  return { without: ['NOTIFY_SOCKET', MANAGER_VARIABLE], added: manager === '' ? [] : [`NOTIFY_SOCKET=${manager}`] }
}

// Prints a warning if the service manager does not know that the daemon is ready.
function reportUnheard({ unheard }) {
  if (unheard !== null) complain(unheard || UNHEARD)
}

const UNHEARD = 'nobody listens at NOTIFY_SOCKET, or has read it in time'

// The service runs all the same, and says so.
function complain(reason) {
  process.stderr.write(`procnative: the service manager could not be told: ${reason}\n`)
  return false
}

module.exports = {
  MANAGER_VARIABLE,
  PID_VARIABLES,
  SOCKET_VARIABLES,
  inheritedDescriptors,
  listenFds,
  managerVariables,
  notify,
  ready,
  reportUnheard,
}
