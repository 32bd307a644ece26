'use strict'

// What async_hooks sees of procnative, and by that a test runner which looks for what keeps a process alive.

const { AsyncResource } = require('node:async_hooks')

// An asynchronous resource. `isRef`: whether it keeps the event loop alive, as Node's own resources tell by this method.
class Resource extends AsyncResource {
  #isRef

  constructor(type, isRef) {
    super(type, { requireManualDestroy: true })
    this.#isRef = isRef
  }

  hasRef() {
    return this.#isRef()
  }
}

// Returns the result of a promise, with a resource until then.
async function whilePending(type, promise) {
  const resource = new AsyncResource(type, { requireManualDestroy: true })
  try {
    return await promise
  } finally {
    resource.emitDestroy()
  }
}

module.exports = { Resource, whilePending }
