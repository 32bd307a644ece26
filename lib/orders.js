'use strict'

// What every start is told, in the native half's terms.

const path = require('node:path')
const { own } = require('./own.js')

// What execvp(3) takes for an absent PATH.
const STANDARD_PATH = '/bin:/usr/bin'

// Where a program without a slash is looked for.
const searchPath = (env) => own(env, 'PATH') ?? STANDARD_PATH

// An environment as NAME=value, and which variables that name this process are to name the new one. `without` are left
// out.
function environment(env, pidVariables = [], without = []) {
  const ownPid = []
  const variables = []
  // One pass: process.env asks the system for each.
  for (const name of Object.keys(env)) {
    const value = env[name]
    // Undefined, as in child_process, is absent.
    if (value === undefined || without.includes(name)) continue
    if (pidVariables.includes(name) && value === String(process.pid)) ownPid.push(name)
    else variables.push(`${name}=${value}`)
  }
  return { environment: variables, ownPid }
}

// Nothing for /dev/null, a descriptor, or an absolute path.
function output(wanted, inherited) {
  if (wanted === 'ignore') return undefined
  if (wanted === 'inherit') return inherited
  return typeof wanted === 'string' ? path.resolve(wanted) : wanted
}

module.exports = { environment, output, searchPath }
