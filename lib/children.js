'use strict'

// The children of child_process, which are the runtime's to reap: those that were started in this thread since the first copy
// of procnative was loaded there. The list is in the native half, so that a copy of this file can be collected.

const diagnostics = require('node:diagnostics_channel')
const native = require('./native.js')
const { otherRuntime } = require('./start.js')

native.rememberChildren(diagnostics.subscribe)

// The pids of those that run.
const owned = () => native.runtimesChildren()

// Node tells of all its children; Bun and Deno do not.
const known = () => otherRuntime === undefined

module.exports = { owned, known }
