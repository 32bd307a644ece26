'use strict'

const errors = require('../core/errors.js')
const { makeHandle } = require('../descriptor/handle.js')
const native = require('../core/native.js')
const { ALONE, requireStack } = require('../core/stack.js')
const validate = require('../core/validate.js')

const CHECKS = { mode: validate.fileMode, backlog: validate.positiveInteger }

function listenUnix(path, options) {
  const { name, isAbstract } = addressOf(path, 'path')
  const { mode, backlog = 511 } = validate.options(options, 'options', CHECKS)
  if (isAbstract && mode !== undefined) {
    throw errors.invalidArgValue(
      'options.mode',
      'must be absent for an abstract name because an abstract name has no file',
      mode,
    )
  }
  requireStack(ALONE)
  const [fd] = native.listenUnix(name, isAbstract, mode ?? 0o600, backlog)
  return makeHandle(fd)
}

// Returns the address of a path or an abstract name. An abstract name begins with a NUL, as in Node, or with an @, as in systemd.
// Uses no regular expression: V8 ends the process if the stack overflows while it compiles one.
function addressOf(value, argument) {
  const isAbstract = typeof value === 'string' && value.length > 1 && '\0@'.includes(value[0])
  return { name: validate.string(isAbstract ? value.slice(1) : value, argument), isAbstract }
}

module.exports = { addressOf, listenUnix }
