'use strict'

// What console.log() shows of procnative's objects: one line, without their internals.

// util.inspect.custom, without loading that module.
const CUSTOM = Symbol.for('nodejs.util.inspect.custom')

const ONE_LINE = { breakLength: Number.POSITIVE_INFINITY, compact: true, depth: 1 }

// Gives a class its inspection. `fieldsOf` returns undefined for what is no instance.
function inspectable(owner, fieldsOf) {
  Object.defineProperty(owner.prototype, CUSTOM, {
    __proto__: null,
    value(_depth, options, inspect) {
      const fields = fieldsOf(this)
      return `${owner.name} ${inspect(fields ?? {}, { ...options, ...ONE_LINE })}`
    },
    writable: true,
    configurable: true,
  })
}

module.exports = { inspectable }
