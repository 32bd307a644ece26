'use strict'

const fs = require('node:fs')
const { fileURLToPath } = require('node:url')

// Calls back one turn of the event loop after the end of the main script. An uncaught error ends the process before
// that.
function afterMainScript(callback) {
  // Two setImmediate() calls: the first callback may still run in the turn in which the script began.
  const afterOneTurn = () => setImmediate(() => setImmediate(callback))
  const url = findEvaluatingModule()
  if (url === undefined) afterOneTurn()
  // This import does not evaluate the module again. It settles when the module ends, after its top-level awaits. If the
  // module fails, Node reports the error and ends the process.
  // - webpackIgnore: Webpack would replace this import with one that fails.
  else import(/* webpackIgnore: true */ url).then(afterOneTurn, afterOneTurn)
}

// Returns the URL of the ECMAScript module at the bottom of the stack, or undefined if no such module is running. It is
// the main module if the main module called us. A CommonJS script has a path instead of a URL, and has ended when the
// event loop turns.
function findEvaluatingModule() {
  const url = listCallers().findLast((name) => name?.startsWith('file:'))
  return url !== undefined && isImportedAs(url) ? url : undefined
}

// Returns true if import(url) finds the module with that URL. import() uses the real path. With
// --preserve-symlinks-main, the main module may have another path.
function isImportedAs(url) {
  try {
    const path = fileURLToPath(url)
    return fs.realpathSync.native(path) === path
  } catch {
    // No file has this URL: --eval runs the code.
    return false
  }
}

// Returns the files of the calling functions, the innermost first.
function listCallers() {
  // --frozen-intrinsics makes Error.prepareStackTrace read-only.
  if (Object.isFrozen(Error)) return []
  const { prepareStackTrace, stackTraceLimit } = Error
  Error.prepareStackTrace = (_, sites) => sites.map((site) => site.getFileName())
  Error.stackTraceLimit = Number.POSITIVE_INFINITY
  const { stack } = new Error()
  Object.assign(Error, { prepareStackTrace, stackTraceLimit })
  return stack
}

module.exports = { afterMainScript }
