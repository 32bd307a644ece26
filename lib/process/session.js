'use strict'

const { requireMainThread } = require('../core/main-thread.js')
const native = require('../core/native.js')
const validate = require('../core/validate.js')

function setsid() {
  requireMainThread('setsid()')
  return native.setsid()
}

function getsid(pid = 0) {
  return native.getsid(validate.pid(pid, 'pid'))
}

function getpgid(pid = 0) {
  return native.getpgid(validate.pid(pid, 'pid'))
}

function setpgid(pid, pgid) {
  validate.pid(pid, 'pid')
  validate.pid(pgid, 'pgid')
  if (pid === 0 || pid === process.pid) requireMainThread('setpgid() of this process')
  native.setpgid(pid, pgid)
}

function tcgetpgrp(fd) {
  return native.tcgetpgrp(validate.descriptor(fd, 'fd'))
}

function tcsetpgrp(fd, pgid) {
  native.tcsetpgrp(validate.descriptor(fd, 'fd'), validate.pid(pgid, 'pgid'))
}

function tcgetsid(fd) {
  return native.tcgetsid(validate.descriptor(fd, 'fd'))
}

function controllingTerminal() {
  return native.controllingTerminal()
}

function setChildSubreaper(enabled) {
  validate.boolean(enabled, 'enabled')
  requireMainThread('setChildSubreaper()')
  native.setChildSubreaper(enabled)
}

function isChildSubreaper() {
  return native.isChildSubreaper()
}

function setParentDeathSignal(signal) {
  const number = signal === null ? 0 : validate.signal(signal, 'signal')
  // The signal belongs to a thread: the signal of a worker would be gone with the worker.
  requireMainThread('setParentDeathSignal()')
  native.setParentDeathSignal(number)
}

module.exports = {
  setsid,
  getsid,
  getpgid,
  setpgid,
  tcgetpgrp,
  tcsetpgrp,
  tcgetsid,
  controllingTerminal,
  setChildSubreaper,
  isChildSubreaper,
  setParentDeathSignal,
}
