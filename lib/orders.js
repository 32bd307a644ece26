'use strict'

// What every start is told, in the native half's terms.

const path = require('node:path')

// What execvp(3) takes for an absent PATH.
const STANDARD_PATH = '/bin:/usr/bin'

// Where a program without a slash is looked for.
const searchPath = (env) => env.PATH ?? STANDARD_PATH

// An environment as NAME=value, and which variables that name this process are to name the new one. `without` are left
// out.
function environment(env, { pidVariables = [], without = [] } = {}) {
  const ownPid = pidVariables.filter((name) => env[name] === String(process.pid))
  // Undefined, as in child_process, is absent.
  const given = Object.entries(env).filter(([, value]) => value !== undefined)
  const inherited = given.filter(([name]) => !ownPid.includes(name) && !without.includes(name))
  return { environment: inherited.map(([name, value]) => `${name}=${value}`), ownPid }
}

// Nothing for /dev/null, a descriptor, or an absolute path.
function output(wanted, inherited) {
  if (wanted === 'ignore') return undefined
  if (wanted === 'inherit') return inherited
  return typeof wanted === 'string' ? path.resolve(wanted) : wanted
}

module.exports = { environment, output, searchPath }
