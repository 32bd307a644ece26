'use strict'

// Converts the environment of a new process into what the native half takes.

const { isProxy, isUint8Array } = require('node:util/types')
const native = require('../core/native.js')
const { encodeStrings } = require('./exec-options.js')
const { isLossy, listHiddenVariables, restoreVariable } = require('../core/original-strings.js')
const { own } = require('../core/own-property.js')
const { otherRuntime } = require('../core/process-start.js')

// Returns variables as NAME=value. Returns undefined for this process's own variables, which the native half reads itself.
function encodeEnvironment(env) {
  const isWhole = isProcessEnvironment(env)
  if (isWhole && !mayChangeMeanwhile()) return undefined
  const variables = []
  // Read each variable once: process.env asks the system for each.
  for (const name of Object.keys(env)) {
    const value = env[name]
    // An undefined variable is absent, as in child_process.
    if (value !== undefined) variables.push(encodeVariable(name, value))
  }
  if (isWhole) variables.push(...listHiddenVariables())
  return encodeStrings(variables)
}

// Returns NAME=value. A value with U+FFFD, as in `{ ...process.env }`, may stand for bytes that are not valid UTF-8.
function encodeVariable(name, value) {
  if (isUint8Array(value)) return Buffer.concat([Buffer.from(`${name}=`), value])
  const text = `${name}=${value}`
  return isLossy(text) ? (restoreVariable(text) ?? text) : text
}

// Returns those of `names` whose variable in `env` is the pid of this process.
function ownPidVariables(env, names) {
  return names.filter((name) => own(env, name) === String(process.pid))
}

const isMainThread = native.isMainThread()
let probedEnvironment
let isProbedReal

// Returns true if the object is process.env, and the variables of the process are behind it. A worker has a copy of them.
// A test runner gives its tests another object, and a program may replace process.env.
function isProcessEnvironment(env) {
  if (env !== process.env || otherRuntime || !isMainThread) return false
  if (env !== probedEnvironment) {
    probedEnvironment = env
    isProbedReal = !isProxy(env) && refusesAccessors(env)
  }
  return isProbedReal
}

// Only Node.js's own process.env refuses accessors, and with this code.
function refusesAccessors(env) {
  const name = 'PROCNATIVE_PROBE'
  try {
    Object.defineProperty(env, name, { __proto__: null, get() {}, configurable: true })
  } catch ({ code }) {
    return code === 'ERR_INVALID_OBJECT_DEFINE_PROPERTY'
  }
  delete env[name]
  return false
}

let mayHaveWorkers = false

// A worker with SHARE_ENV writes to the environment of the process under a lock of Node's. Native code can't take that
// lock. There is no worker until the module is loaded.
function mayChangeMeanwhile() {
  mayHaveWorkers ||= process.moduleLoadList?.includes('NativeModule worker_threads') ?? true
  return mayHaveWorkers
}

module.exports = { encodeEnvironment, isProcessEnvironment, ownPidVariables }
