'use strict'

// Lets console.log() show the objects of procnative in one line, without their internals.

// The value of util.inspect.custom. Only an inspection needs node:util, so it is not loaded here.
const CUSTOM = Symbol.for('nodejs.util.inspect.custom')

const ONE_LINE = { breakLength: Number.POSITIVE_INFINITY, compact: true, depth: 1 }

// Gives a class its inspection. `fieldsOf` returns undefined if the object is not an instance.
function makeInspectable(owner, fieldsOf) {
  Object.defineProperty(owner.prototype, CUSTOM, {
    __proto__: null,
    value(_depth, options) {
      const { inspect } = require('node:util')
      const fields = fieldsOf(this)
      return `${owner.name} ${inspect(fields ?? {}, { ...options, ...ONE_LINE })}`
    },
    writable: true,
    configurable: true,
  })
}

module.exports = { makeInspectable }
