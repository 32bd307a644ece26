'use strict'

const fs = require('node:fs')
const { fileURLToPath } = require('node:url')

// Calls back when the main script has come to its end and one turn of the event loop has gone by since. An error
// that nobody catches ends the process before.
function afterMainScript(callback) {
  // The first setImmediate may still run in the turn that the script began; that one is to be over.
  const afterOneTurn = () => setImmediate(() => setImmediate(callback))
  const url = evaluatingModule()
  if (url === undefined) afterOneTurn()
  // A module that is being evaluated is not evaluated again: its import settles when it has come to its end,
  // top-level awaits included. Where it fails, Node reports that and ends the process.
  // Webpack would replace this import with one that fails.
  else import(/* webpackIgnore: true */ url).then(afterOneTurn, afterOneTurn)
}

// The ECMAScript module at the bottom of the stack: the main one, where that is who called. CommonJS has paths
// for names instead of URLs, and is at its end when the loop turns.
function evaluatingModule() {
  const url = callers().findLast((name) => name?.startsWith('file:'))
  return url !== undefined && isImportedAs(url) ? url : undefined
}

// Whether import(url) finds that very module: an import goes by the real path, and with --preserve-symlinks-main
// the main module may have another.
function isImportedAs(url) {
  try {
    const path = fileURLToPath(url)
    return fs.realpathSync.native(path) === path
  } catch {
    // No file: what --eval runs.
    return false
  }
}

// The files of the calling functions, the innermost first.
function callers() {
  // --frozen-intrinsics: there is no asking.
  if (Object.isFrozen(Error)) return []
  const { prepareStackTrace, stackTraceLimit } = Error
  Error.prepareStackTrace = (_, sites) => sites.map((site) => site.getFileName())
  Error.stackTraceLimit = Number.POSITIVE_INFINITY
  const { stack } = new Error()
  Object.assign(Error, { prepareStackTrace, stackTraceLimit })
  return stack
}

module.exports = { afterMainScript }
