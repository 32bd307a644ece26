'use strict'

// The environment of a new process, in the form that the native half takes.

const { isProxy, isUint8Array } = require('node:util/types')
const native = require('../core/native.js')
const { encodeStrings } = require('./exec-options.js')
const { isLossy, listHiddenVariables, restoreVariable } = require('../core/original-strings.js')
const { own } = require('../core/own-property.js')
const { otherRuntime } = require('../core/process-start.js')

// Returns the variables of `env` as NAME=value. Returns undefined for this process's own variables: the native half reads them.
function encodeEnvironment(env) {
  const isWhole = isProcessEnvironment(env)
  if (isWhole && !canChangeMeanwhile()) return undefined
  const variables = []
  // Read each variable once: process.env asks the C library at each read.
  for (const name of Object.keys(env)) {
    const value = env[name]
    // An undefined variable counts as absent, as in child_process.
    if (value !== undefined) variables.push(encodeVariable(name, value))
  }
  if (isWhole) variables.push(...listHiddenVariables())
  return encodeStrings(variables)
}

// Returns NAME=value. A value with U+FFFD may stand for bytes that are not valid UTF-8, as in `{ ...process.env }`.
function encodeVariable(name, value) {
  if (isUint8Array(value)) return Buffer.concat([Buffer.from(`${name}=`), value])
  const text = `${name}=${value}`
  return isLossy(text) ? (restoreVariable(text) ?? text) : text
}

// Returns the `names` of variables in `env` whose value is the pid of this process.
function ownPidVariables(env, names) {
  return names.filter((name) => own(env, name) === String(process.pid))
}

const isMainThread = native.isMainThread()
let probedEnvironment
let isProbedReal

// Returns true if the object is process.env and reads the variables of the process. Three objects do not: a worker's copy of the
// variables, the object that a test runner gives its tests, and a program's own replacement of process.env.
function isProcessEnvironment(env) {
  if (env !== process.env || otherRuntime || !isMainThread) return false
  if (env !== probedEnvironment) {
    probedEnvironment = env
    isProbedReal = !isProxy(env) && refusesAccessors(env)
  }
  return isProbedReal
}

// Returns true for Node.js's own process.env: only this object refuses accessors with this code.
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

let canHaveWorkers = false

// Returns true if a worker thread may change the variables while the native half reads them. A worker with SHARE_ENV
// writes them under a lock of Node that native code can't take. No worker can exist before the module is loaded.
function canChangeMeanwhile() {
  canHaveWorkers ||= process.moduleLoadList?.includes('NativeModule worker_threads') ?? true
  return canHaveWorkers
}

module.exports = { encodeEnvironment, isProcessEnvironment, ownPidVariables }
