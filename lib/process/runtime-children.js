'use strict'

// The children of child_process, which the runtime reaps. The list begins when this thread loads its first copy of procnative.
// The native half holds the list, so that a copy of this file can be collected.

const diagnostics = require('node:diagnostics_channel')
const native = require('../core/native.js')
const { otherRuntime } = require('../core/process-start.js')

native.rememberChildren(diagnostics.subscribe)

// Returns the pids of the running children. `isComplete`: Node publishes all its children; Bun and Deno do not.
const runtimeChildren = () => ({ pids: native.listRuntimeChildren(), isComplete: otherRuntime === undefined })

module.exports = { runtimeChildren }
