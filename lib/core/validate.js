'use strict'

// Checks of arguments and options. A check takes a value and its name, and returns the value or throws. Numbers are checked here,
// because Node-API converts them silently: NaN becomes pid 0.

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
// A pid of one process. The pid 0 would mean the caller, or a group.
const positivePid = integerIn(1, MAX_INT32)
const pidOrGroup = integerIn(-MAX_INT32, MAX_INT32)
const descriptor = integerIn(0, MAX_INT32)
const milliseconds = integerIn(1, MAX_INT32)
const fileMode = integerIn(0, 0o777, (mode) => `0o${mode.toString(8)}`)
const positiveInteger = integerIn(1, MAX_INT32)
const nonNegativeInteger = integerIn(0, MAX_INT32)

function boolean(value, name) {
  if (typeof value !== 'boolean') throw errors.invalidArgType(name, 'of type boolean', value)
  return value
}

// Checks a string that may be empty.
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

// Makes a check that takes a number for the first check, or a string for the second.
const numberOrString = (number, text) => (value, name) => {
  if (typeof value === 'number') return number(value, name)
  if (typeof value === 'string') return text(value, name)
  throw errors.invalidArgType(name, 'of type number or string', value)
}

// Checks a user or a group: an ID or a name.
const credential = numberOrString(integerIn(0, MAX_UINT32 - 1), string)

// Checks the target of a daemon's output: a descriptor, 'ignore', 'inherit' or a path.
const output = numberOrString(descriptor, string)

const arrayOf = (check) => (value, name) => {
  if (!Array.isArray(value)) throw errors.invalidArgType(name, 'an array', value)
  // Not by map(): it skips holes.
  return Array.from({ length: value.length }, (_, index) => check(own(value, index), `${name}[${index}]`))
}

// Checks the name of a signal. Returns its number.
function signal(value, name) {
  if (typeof value !== 'string') throw errors.invalidArgType(name, 'of type string', value)
  const { signalNames, signalNumber } = require('./signal-name.js')
  const number = signalNumber(value)
  if (number === undefined) throw errors.unknownSignal(name, value, meantSignal(value, signalNames))
  return number
}

// Returns the signal to suggest for an unknown name: SIGTERM for 'TERM' and 'sigterm'.
function meantSignal(value, known) {
  const word = value.toUpperCase().replace(/^SIG/, '')
  const meant = nearestName(
    word,
    known.map((one) => one.slice('SIG'.length)),
  )
  return meant && `SIG${meant}`
}

// Checks the name or the number of a signal. kill(2) with 0 sends no signal, and only checks the process.
const signalOrNumber = numberOrString(integerIn(0, 64), signal)

function abortSignal(value, name) {
  // Checks properties, because each realm has its own class AbortSignal.
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

// Checks an options object. `checks` has a check for each known key. An undefined option counts as absent. The result has no
// prototype, so a read of a missing key never reaches Object.prototype. A rest pattern (`{ a, ...rest }`) makes an object with a
// prototype: spread it into an object with a null prototype.
function options(value, name, checks) {
  const checked = { __proto__: null }
  if (value === undefined) return checked
  object(value, name)
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(checks, key)) throw errors.unknownOption(name, key, nearestName(key, Object.keys(checks)))
    // Read the option once: a getter may return another value the next time.
    const given = value[key]
    if (given !== undefined) checked[key] = checks[key](given, `${name}.${key}`)
  }
  return checked
}

// Checks a plain object with any keys.
function object(value, name) {
  if (!isPlainObject(value)) throw errors.invalidArgType(name, 'of type object', value)
  return value
}

// Returns false for an instance of a class: it is probably another argument in the wrong place, because callers write options as
// literals.
function isPlainObject(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  // The Object.prototype of any realm has no prototype.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

module.exports = {
  pid,
  positivePid,
  pidOrGroup,
  descriptor,
  milliseconds,
  fileMode,
  positiveInteger,
  nonNegativeInteger,
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
