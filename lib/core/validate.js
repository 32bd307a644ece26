'use strict'

// The shape of arguments. A check takes a value and its name, and returns the value or throws: one idiom for
// arguments and options alike. napi would coerce numbers silently (NaN to pid 0), so they are looked at here.

const errors = require('./errors.js')
const { nearestName } = require('./nearest-name.js')
const { own } = require('./own-property.js')

const MAX_INT32 = 2 ** 31 - 1
const MAX_UINT32 = 2 ** 32 - 1

const integerIn =
  (min, max, show = String) =>
  (value, name) => {
    if (typeof value !== 'number') throw errors.invalidArgType(name, 'of type number', value)
    if (!Number.isInteger(value)) throw errors.outOfRange(name, 'an integer', value)
    if (value < min || value > max) throw errors.outOfRange(name, `>= ${show(min)} and <= ${show(max)}`, value)
    return value
  }

const pid = integerIn(0, MAX_INT32)
// Of one process, where 0 is nobody.
const ownPid = integerIn(1, MAX_INT32)
const pidOrGroup = integerIn(-MAX_INT32, MAX_INT32)
const descriptor = integerIn(0, MAX_INT32)
const milliseconds = integerIn(1, MAX_INT32)
const fileMode = integerIn(0, 0o777, (mode) => `0o${mode.toString(8)}`)
const count = integerIn(1, MAX_INT32)
const amount = integerIn(0, MAX_INT32)

function boolean(value, name) {
  if (typeof value !== 'boolean') throw errors.invalidArgType(name, 'of type boolean', value)
  return value
}

// A string that may be empty.
function text(value, name) {
  if (typeof value !== 'string') throw errors.invalidArgType(name, 'of type string', value)
  if (value.includes('\0')) throw errors.invalidArgValue(name, 'must not contain null bytes', value)
  return value
}

function string(value, name) {
  if (value === '') throw errors.invalidArgValue(name, 'must not be empty', value)
  return text(value, name)
}

const oneOf =
  (...choices) =>
  (value, name) => {
    if (typeof value !== 'string') throw errors.invalidArgType(name, 'of type string', value)
    if (!choices.includes(value)) {
      throw errors.invalidArgValue(name, `must be one of ${choices.map((one) => `'${one}'`).join(', ')}`, value)
    }
    return value
  }

// Either a number for the first check or a string for the second.
const numberOrString = (number, text) => (value, name) => {
  if (typeof value === 'number') return number(value, name)
  if (typeof value === 'string') return text(value, name)
  throw errors.invalidArgType(name, 'of type number or string', value)
}

// A user or a group.
const credential = numberOrString(integerIn(0, MAX_UINT32 - 1), string)

// Where a daemon's output goes.
const output = numberOrString(descriptor, string)

const arrayOf = (check) => (value, name) => {
  if (!Array.isArray(value)) throw errors.invalidArgType(name, 'an array', value)
  // Not by map(), which skips holes.
  return Array.from({ length: value.length }, (_, index) => check(own(value, index), `${name}[${index}]`))
}

// A signal's number, from its name.
function signal(value, name) {
  if (typeof value !== 'string') throw errors.invalidArgType(name, 'of type string', value)
  const { signalNames, signalNumber } = require('./signal-name.js')
  const number = signalNumber(value)
  if (number === undefined) throw errors.unknownSignal(name, value, meantSignal(value, signalNames))
  return number
}

// Returns the signal to suggest: SIGTERM for 'TERM' and 'sigterm'.
function meantSignal(value, known) {
  const word = value.toUpperCase().replace(/^SIG/, '')
  const meant = nearestName(
    word,
    known.map((one) => one.slice('SIG'.length)),
  )
  return meant && `SIG${meant}`
}

// The same, or a number, of which 0 only asks.
const signalOrNumber = numberOrString(integerIn(0, 64), signal)

function abortSignal(value, name) {
  // Not by its class: there may be more than one of those.
  const isSignal = typeof value?.aborted === 'boolean' && typeof value.addEventListener === 'function'
  if (!isSignal || typeof value.removeEventListener !== 'function') {
    throw errors.invalidArgType(name, 'an AbortSignal', value)
  }
  return value
}

function callback(value, name) {
  if (typeof value !== 'function') throw errors.invalidArgType(name, 'a function', value)
  return value
}

// Checks an options object. `checks` has a check for each known key. An undefined option counts as absent. The result
// inherits nothing, so a missing key is not looked up on Object.prototype.
// A rest pattern (`{ a, ...rest }`) makes an object that inherits again: spread it into one with a null prototype.
function options(value, name, checks) {
  const checked = { __proto__: null }
  if (value === undefined) return checked
  object(value, name)
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(checks, key)) throw errors.unknownOption(name, key, nearestName(key, Object.keys(checks)))
    // Read once: a getter may have another answer.
    const given = value[key]
    if (given !== undefined) checked[key] = checks[key](given, `${name}.${key}`)
  }
  return checked
}

// Any plain object, whatever its keys.
function object(value, name) {
  if (!isPlainObject(value)) throw errors.invalidArgType(name, 'of type object', value)
  return value
}

// Options are written down where they are passed: an instance of a class is another argument in the wrong place.
function isPlainObject(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  // Object.prototype, of this realm or another.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

module.exports = {
  pid,
  ownPid,
  pidOrGroup,
  descriptor,
  milliseconds,
  fileMode,
  count,
  amount,
  credential,
  output,
  boolean,
  text,
  string,
  oneOf,
  arrayOf,
  signal,
  signalOrNumber,
  abortSignal,
  callback,
  object,
  options,
}
