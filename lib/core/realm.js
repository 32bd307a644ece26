'use strict'

// Converts values of the native half, which makes them in the program's own realm. A copy of the package in another realm
// (a vm context, a test file of jest) has its own Error and Array, and `error instanceof Error` must hold there, too.

const { isNativeError, isPromise } = require('node:util/types')

const ERRORS = { TypeError, RangeError, SyntaxError }

// Returns the functions of the binding. In another realm, their results and errors belong to that realm.
function inThisRealm(binding) {
  if (binding.setsid instanceof Function) return binding
  return Object.fromEntries(
    Object.entries(binding).map(([name, one]) => [name, typeof one === 'function' ? convertResults(one) : one]),
  )
}

const convertResults =
  (call) =>
  (...args) => {
    try {
      return convertValue(call(...args))
    } catch (error) {
      throw convertError(error)
    }
  }

function convertValue(value) {
  if (Array.isArray(value)) return Array.from(value, convertValue)
  if (isPromise(value)) return value.then(convertValue, (error) => Promise.reject(convertError(error)))
  if (isNativeError(value)) return convertError(value)
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, property]) => [name, convertValue(property)]))
}

// Returns true if the prototype is the Object.prototype of any realm.
function isPlainObject(value) {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype !== null && Object.getPrototypeOf(prototype) === null
}

function convertError(error) {
  if (!isNativeError(error) || error instanceof Error) return error
  const made = Object.assign(new (ERRORS[error.name] ?? Error)(error.message), error)
  return Object.defineProperty(made, 'stack', {
    __proto__: null,
    value: error.stack,
    configurable: true,
    writable: true,
  })
}

// Returns true for an error of any realm. isNativeError() does not recognize a DOMException.
const isError = (value) => isNativeError(value) || value instanceof Error

module.exports = { inThisRealm, isError }
