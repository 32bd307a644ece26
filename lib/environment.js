'use strict'

// The environment of a new process, in the native half's terms.

const { isProxy, isUint8Array } = require('node:util/types')
const native = require('./native.js')
const { block } = require('./orders.js')
const { hiddenVariables, isLossy, originalVariable } = require('./original.js')
const { own } = require('./own.js')
const { otherRuntime } = require('./start.js')

// Variables as NAME=value, or undefined for those of this process, which the native half reads itself.
function environment(env) {
  const isWhole = isProcessEnvironment(env)
  if (isWhole && !mayChangeMeanwhile()) return undefined
  const variables = []
  // One pass: process.env asks the system for each.
  for (const name of Object.keys(env)) {
    const value = env[name]
    // Undefined, as in child_process, is absent.
    if (value !== undefined) variables.push(variable(name, value))
  }
  if (isWhole) variables.push(...hiddenVariables())
  return block(variables)
}

// A string with U+FFFD may be what Node.js made of a variable, as in `{ ...process.env }`.
function variable(name, value) {
  if (isUint8Array(value)) return Buffer.concat([Buffer.from(`${name}=`), value])
  const text = `${name}=${value}`
  return isLossy(text) ? (originalVariable(text) ?? text) : text
}

// Those of `names` that name this process in `env`.
function ownPidVariables(env, names) {
  return names.filter((name) => own(env, name) === String(process.pid))
}

const isMainThread = native.isMainThread()
let probed
let isProbedReal

// Whether the object is process.env, and has the variables of the process behind it. A worker has a copy of them, a test
// runner gives its tests an object of its own, and a program may put another into its place.
function isProcessEnvironment(env) {
  if (env !== process.env || otherRuntime || !isMainThread) return false
  if (env !== probed) {
    probed = env
    isProbedReal = !isProxy(env) && refusesAccessors(env)
  }
  return isProbedReal
}

// Only Node.js's own object does, and with this code.
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

// A worker with SHARE_ENV writes to the environment of the process under a lock of Node's, which native code can't
// take. Without the module there is no worker.
function mayChangeMeanwhile() {
  mayHaveWorkers ||= process.moduleLoadList?.includes('NativeModule worker_threads') ?? true
  return mayHaveWorkers
}

module.exports = { environment, isProcessEnvironment, ownPidVariables }
