'use strict'

const native = require('./native.js')

// Loaded lazily: only errors need it.
const errors = () => require('./errors.js')

/** Throws in a worker thread, as Node does for calls that change the whole process, such as process.chdir(). */
function requireMainThread(subject) {
  if (!native.isMainThread()) throw errors().workerThread(subject)
}

module.exports = { requireMainThread }
