'use strict'

// The native half makes its values in the realm of the program. A copy of the package in another realm (a vm context, a test file
// of jest) has an Error and an Array of its own: there, `error instanceof Error` must hold too.

const { isNativeError, isPromise } = require('node:util/types')

const ERRORS = { TypeError, RangeError, SyntaxError }

// Returns the functions of the binding; in another realm, with results and errors of this one.
function inThisRealm(binding) {
  // A copy: V8 is quicker to find a function in that than in what Node-API has put together one by one.
  if (binding.setsid instanceof Function) return { ...binding }
  return Object.fromEntries(Object.entries(binding).map(([name, call]) => [name, converted(call)]))
}

const converted =
  (call) =>
  (...args) => {
    try {
      return valueHere(call(...args))
    } catch (error) {
      throw errorHere(error)
    }
  }

function valueHere(value) {
  if (Array.isArray(value)) return Array.from(value, valueHere)
  if (isPromise(value)) return value.then(valueHere, (error) => Promise.reject(errorHere(error)))
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, valueHere(one)]))
}

// Its prototype is the Object.prototype of a realm.
function isPlainObject(value) {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype !== null && Object.getPrototypeOf(prototype) === null
}

function errorHere(error) {
  if (!isNativeError(error) || error instanceof Error) return error
  const made = Object.assign(new (ERRORS[error.name] ?? Error)(error.message), error)
  return Object.defineProperty(made, 'stack', {
    __proto__: null,
    value: error.stack,
    configurable: true,
    writable: true,
  })
}

// An error of any realm. A DOMException is none of V8's own.
const isError = (value) => isNativeError(value) || value instanceof Error

module.exports = { inThisRealm, isError }
