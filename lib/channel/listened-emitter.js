'use strict'

const { EventEmitter } = require('node:events')
const { requireStack } = require('../core/stack.js')

// An EventEmitter that calls `changed` after each change of its listeners.
class Listened extends EventEmitter {
  #changed

  constructor(changed) {
    super()
    this.#changed = changed
  }

  on(event, listener) {
    requireStack()
    super.on(event, listener)
    this.#changed()
    return this
  }

  addListener(event, listener) {
    return this.on(event, listener)
  }

  prependListener(event, listener) {
    requireStack()
    super.prependListener(event, listener)
    this.#changed()
    return this
  }

  off(event, listener) {
    requireStack()
    super.off(event, listener)
    this.#changed()
    return this
  }

  removeListener(event, listener) {
    return this.off(event, listener)
  }

  removeAllListeners(...event) {
    requireStack()
    super.removeAllListeners(...event)
    this.#changed()
    return this
  }
}

module.exports = { Listened }
