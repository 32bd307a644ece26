'use strict'

// Reopens the logs of a daemon after a rotation.

const fs = require('node:fs')
const errors = require('../core/errors.js')
const native = require('../core/native.js')

// Returns null, or the error of a log that can't be opened. After an error, all logs go on in the old files, with a line that
// says so. The error is not thrown, because most callers are listeners of a signal, where it would end the daemon.
function reopenLogs(logs, umask) {
  try {
    native.reopenLogs(logs, umask)
    return null
  } catch (error) {
    if (error.syscall === undefined) throw error
    for (const { descriptor } of distinct(logs)) say(descriptor, errors.logsKept(error))
    return error
  }
}

// Both streams may write to one file.
const distinct = (logs) => [...new Map(logs.map((log) => [log.path, log])).values()]

function say(descriptor, text) {
  try {
    fs.writeSync(descriptor, text)
  } catch {
    // The disk may be full. The caller still gets the error.
  }
}

module.exports = { reopenLogs }
