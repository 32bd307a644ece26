'use strict'

// Asynchronous resources for async_hooks, by which a test runner finds what keeps a process alive.

const { AsyncResource } = require('node:async_hooks')

const OPTIONS = { __proto__: null, requireManualDestroy: true }

// An asynchronous resource with hasRef(), as in Node. `isRef` returns true if the resource keeps the event loop alive.
class Resource extends AsyncResource {
  #isRef

  constructor(type, isRef) {
    super(type, OPTIONS)
    this.#isRef = isRef
  }

  hasRef() {
    return this.#isRef()
  }
}

// Returns the result of a promise. A resource exists while the promise is pending.
async function whilePending(type, promise) {
  const resource = new AsyncResource(type, OPTIONS)
  try {
    return await promise
  } finally {
    resource.emitDestroy()
  }
}

module.exports = { Resource, whilePending }
