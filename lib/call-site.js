'use strict'

// An error that comes from another thread is made when no JavaScript runs, and has no stack.

// Remembers where a function is called. Returns what gives errors that stack.
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
