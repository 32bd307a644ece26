'use strict'

// Checks of the arguments and options that start a program. They accept the values of child_process that have only one
// meaning. They return strings, or bytes for values given as bytes.

const { fileURLToPath } = require('node:url')
const { isUint8Array } = require('node:util/types')
const { isProcessEnvironment } = require('./environment.js')
const errors = require('../core/errors.js')
const { has } = require('../core/own-property.js')
const validate = require('../core/validate.js')

const TEXT = 'of type string or number, or an instance of Uint8Array'
const VALUE = 'of type string, number or boolean, or an instance of Uint8Array'

// Checks the program to run: a name or a path.
function checkProgram(value, name) {
  if (!isUint8Array(value)) return validate.string(value, name)
  if (value.length === 0) throw errors.invalidArgValue(name, 'must not be empty', value)
  return checkBytes(value, name)
}

// Checks `argv0`: the name that the program sees as its own.
const checkOwnName = (value, name) => (isUint8Array(value) ? checkBytes(value, name) : validate.text(value, name))

// Checks bytes, which need not be valid UTF-8. Returns a copy, because another thread may write to the original.
function checkBytes(value, name) {
  const copy = Buffer.from(value)
  if (copy.includes(0)) throw errors.invalidArgValue(name, 'must not contain null bytes', value)
  return copy
}

function checkArgument(value, name) {
  if (isUint8Array(value)) return checkBytes(value, name)
  if (typeof value === 'number') return checkNumber(value, name)
  if (typeof value !== 'string') throw errors.invalidArgType(name, TEXT, value)
  return validate.text(value, name)
}

// Refuses NaN and infinity, which usually result from an error.
function checkNumber(value, name) {
  if (!Number.isFinite(value)) throw errors.outOfRange(name, 'a finite number', value)
  return String(value)
}

// Checks a directory: a path or a file: URL.
function checkDirectory(value, name) {
  if (!isUrl(value)) return validate.string(value, name)
  if (value.protocol !== 'file:') throw errors.invalidArgValue(name, 'must be a file: URL', value.href)
  return validate.string(fileURLToPath(value.href), name)
}

// Returns true for a URL of any realm: each realm has its own class URL.
const isUrl = (value) =>
  typeof value === 'object' && value !== null && isText(value, 'href') && isText(value, 'protocol')
const isText = (object, name) => has(object, name) && typeof object[name] === 'string'

// Splits `args` and `options`. The caller may leave out either.
function splitArguments(args, options) {
  if (args === undefined || args === null) return [[], options]
  if (typeof args === 'object' && !Array.isArray(args) && options === undefined) return [[], args]
  return [args, options]
}

// Checks variables by name. An undefined variable counts as absent.
function checkEnvironment(value, name) {
  // Pass process.env on unchanged: the process may have variables that JavaScript can't see.
  if (isProcessEnvironment(value)) return value
  const variables = { __proto__: null }
  for (const variable of variableNamesOf(value, name)) {
    const given = value[variable]
    if (given === undefined) continue
    // Uses no regular expression: V8 ends the process if the stack overflows while it compiles one.
    if (variable === '' || variable.includes('=') || variable.includes('\0')) {
      throw errors.invalidArgValue(name, "must have names without '=' or null bytes", variable)
    }
    variables[variable] = checkVariable(given, `${name}.${variable}`)
  }
  return variables
}

function checkVariable(value, name) {
  if (typeof value === 'boolean') return String(value)
  if (!isUint8Array(value) && !['string', 'number'].includes(typeof value))
    throw errors.invalidArgType(name, VALUE, value)
  return checkArgument(value, name)
}

// Returns the names of own and inherited variables, as in child_process. Leaves out names on Object.prototype.
function variableNamesOf(environment, name) {
  const links = prototypeChainOf(environment, name)
  const names = []
  for (const variable in environment) {
    if (links.some((link) => Object.hasOwn(link, variable))) names.push(variable)
  }
  return names
}

// Returns an object and its prototypes, except for Object.prototype. Refuses instances of classes.
function prototypeChainOf(object, name) {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    throw errors.invalidArgType(name, 'of type object', object)
  }
  const links = []
  for (let link = object; link !== null && !isRoot(link); link = Object.getPrototypeOf(link)) {
    if (isClassPrototype(link)) throw errors.invalidArgType(name, 'of type object', object)
    links.push(link)
    // The prototype of process.env belongs to Node.
    if (link === process.env) break
  }
  return links
}

// Returns true for the Object.prototype of any realm.
const isRoot = (object) => Object.getPrototypeOf(object) === null && isClassPrototype(object)

const isClassPrototype = (object) => Object.getOwnPropertyDescriptor(object, 'constructor')?.enumerable === false

module.exports = {
  checkArgument,
  checkDirectory,
  checkEnvironment,
  checkOwnName,
  checkProgram,
  splitArguments,
  variableNamesOf,
}
