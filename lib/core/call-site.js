'use strict'

// Stacks for errors from another thread. Such errors have no stack, because they are made while no JavaScript runs.

// Remembers the stack of the call. Returns a function that gives an error this stack.
function callSite() {
  const site = { __proto__: null }
  Error.captureStackTrace(site, callSite)
  return (error) => {
    const frames = typeof site.stack === 'string' ? site.stack.indexOf('\n    at ') : -1
    if (frames >= 0) error.stack = `${error.name}: ${error.message}${site.stack.slice(frames)}`
    return error
  }
}

module.exports = { callSite }
