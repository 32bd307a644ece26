'use strict'

const native = require('./native.js')

// Loaded when there is something to say, or to do.
const errors = () => require('./errors.js')
const adopt = () => require('./adopt.js')

// Known to this package only, so that nobody makes a Handle of a descriptor that is somebody else's.
const OWN = Symbol('owned descriptor')

// What was claimed, among descriptors.
const CLAIMED = -1

// Descriptors that came together, and are closed when nobody has a handle of them any more. Together, since to register each
// would take longer than to receive it.
const collected = new FinalizationRegistry((descriptors) => {
  for (const fd of descriptors) if (fd !== CLAIMED) closeUnclaimed(fd)
})

function closeUnclaimed(fd) {
  try {
    process.emitWarning(errors().handleCollected(fd, native.kindOf(fd)))
    native.close(fd)
  } catch (error) {
    // It was closed by its number: somebody else could have that now.
    process.emitWarning(error)
  }
}

class Custody {
  #descriptors
  #left

  constructor(descriptors) {
    this.#descriptors = descriptors
    this.#left = descriptors.length
    collected.register(this, descriptors, this)
  }

  claim(index) {
    this.#descriptors[index] = CLAIMED
    this.#left--
    if (this.#left === 0) collected.unregister(this)
  }
}

// Owns a descriptor.
class Handle {
  #fd
  #name
  #custody
  #index

  constructor(key, fd, name, custody, index) {
    if (key !== OWN) throw errors().illegalConstructor()
    this.#fd = fd
    this.#name = name
    this.#custody = custody
    this.#index = index
  }

  get fd() {
    return this.#open()
  }

  get kind() {
    return native.kindOf(this.#open())
  }

  get name() {
    return this.#name ?? null
  }

  adopt() {
    const adopted = adopt().adopt(this.#open())
    this.#giveUp()
    return adopted
  }

  take() {
    const fd = this.#open()
    this.#giveUp()
    return fd
  }

  close() {
    const fd = this.#fd
    if (fd === undefined) return
    this.#giveUp()
    native.close(fd)
  }

  [Symbol.dispose]() {
    // Not by a method of whatever this is called on.
    Handle.prototype.close.call(this)
  }

  #open() {
    if (this.#fd === undefined) throw errors().handleClosed()
    return this.#fd
  }

  #giveUp() {
    this.#fd = undefined
    this.#custody.claim(this.#index)
    this.#custody = undefined
  }
}

// Handles of descriptors that came together.
function handlesOf(descriptors) {
  if (descriptors.length === 0) return []
  const custody = new Custody(descriptors)
  return Array.from(descriptors, (fd, index) => new Handle(OWN, fd, undefined, custody, index))
}

const handleOf = (fd, name) => new Handle(OWN, fd, name, new Custody([fd]), 0)

module.exports = { Handle, handleOf, handlesOf }
