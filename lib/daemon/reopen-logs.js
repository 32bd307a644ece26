'use strict'

// Reopens the logs of a daemon after a rotation.

const fs = require('node:fs')
const errors = require('../core/errors.js')
const native = require('../core/native.js')

// Reopens each log at its path. Returns null, or the error of a log that can't be opened. After an error, all logs go
// on in the old files, and each file gets a line with the error. Returns the error instead of throwing it, because most
// callers are listeners of a signal, where an exception would end the daemon.
function reopenLogs(logs, umask) {
  try {
    native.reopenLogs(logs, umask)
    return null
  } catch (error) {
    if (error.syscall === undefined) throw error
    for (const { descriptor } of listFiles(logs)) writeLine(descriptor, errors.logsKept(error))
    return error
  }
}

// Returns one log for each file: both streams may write to the same file.
const listFiles = (logs) => [...new Map(logs.map((log) => [log.path, log])).values()]

function writeLine(descriptor, text) {
  try {
    fs.writeSync(descriptor, text)
  } catch {
    // The disk may be full. The caller still gets the error.
  }
}

module.exports = { reopenLogs }
