'use strict'

const native = require('./native.js')

// Loaded when there is something to say.
const errors = () => require('./errors.js')

// Known to this package only, so that nobody makes a Handle of a descriptor that is somebody else's.
const OWN = Symbol('owned descriptor')

// Owns a descriptor.
class Handle {
  #fd
  #name

  constructor(key, fd, name) {
    if (key !== OWN) throw errors().illegalConstructor()
    this.#fd = fd
    this.#name = name
  }

  get fd() {
    if (this.#fd === undefined) throw errors().handleClosed()
    return this.#fd
  }

  get name() {
    return this.#name ?? null
  }

  take() {
    const { fd } = this
    this.#fd = undefined
    return fd
  }

  close() {
    const fd = this.#fd
    this.#fd = undefined
    if (fd !== undefined) native.close(fd)
  }

  [Symbol.dispose]() {
    // Not by a method of whatever this is called on.
    Handle.prototype.close.call(this)
  }
}

module.exports = { Handle, handleOf: (fd, name) => new Handle(OWN, fd, name) }
