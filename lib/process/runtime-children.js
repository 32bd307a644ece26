'use strict'

// The children of child_process, which the runtime reaps: those started in this thread since the first copy of procnative
// was loaded there. The native half has the list, so that a copy of this file can be collected.

const diagnostics = require('node:diagnostics_channel')
const native = require('../core/native.js')
const { otherRuntime } = require('../core/process-start.js')

native.rememberChildren(diagnostics.subscribe)

// Returns the pids of the running children.
const owned = () => native.runtimesChildren()

// Node tells of all its children; Bun and Deno do not.
const known = () => otherRuntime === undefined

module.exports = { owned, known }
