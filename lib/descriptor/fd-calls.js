'use strict'

// Calls that take descriptors by their numbers: dup(), dup2(), setCloseOnExec(), openFds().

const native = require('../core/native.js')
const validate = require('../core/validate.js')

const dup = (fd) => native.duplicate(validate.descriptor(fd, 'fd'))

const dup2 = (from, to) => native.dup2(validate.descriptor(from, 'from'), validate.descriptor(to, 'to'))

function setCloseOnExec(fd, enabled) {
  native.setCloseOnExec(validate.descriptor(fd, 'fd'), validate.boolean(enabled, 'enabled'))
}

const openFds = () => native.openFds()

module.exports = { dup, dup2, openFds, setCloseOnExec }
