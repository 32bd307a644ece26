'use strict'

const native = require('./native.js')

// Loaded when there is something to say, or to do.
const errors = () => require('./errors.js')
const adopt = () => require('./adopt.js')

// Known to this package only, so that nobody makes a Handle of a descriptor that is somebody else's.
const OWN = Symbol('owned descriptor')

// What was claimed, among descriptors.
const CLAIMED = -1

// How many are in custody together.
const TOGETHER = 64

// Descriptors that came together, and are closed when nobody has a handle of one any more. Together, since to have the
// garbage collector look at each would take longer than to receive it.
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
    const fd = this.#open()
    const adopted = adopt().adopt(fd)
    this.#giveUp()
    native.disown(fd)
    return adopted
  }

  take() {
    const fd = this.#open()
    this.#giveUp()
    native.disown(fd)
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

const handleOf = (fd, name) => new Handle(OWN, fd, name, new Custody([fd]), 0)

// Handles of descriptors that came together, as they are asked for.
class Received {
  #descriptors
  #next = 0
  #custody

  constructor(descriptors) {
    this.#descriptors = descriptors
  }

  take(count) {
    const handles = []
    while (handles.length < count) handles.push(this.#handle())
    return handles
  }

  #handle() {
    if (this.#next % TOGETHER === 0) {
      this.#custody = new Custody(Array.from(this.#descriptors.subarray(this.#next, this.#next + TOGETHER)))
    }
    const fd = this.#descriptors[this.#next]
    return new Handle(OWN, fd, undefined, this.#custody, this.#next++ % TOGETHER)
  }

  // Closes those that nobody has asked for.
  close() {
    for (const handle of this.take(this.#descriptors.length - this.#next)) handle.close()
  }
}

const handlesOf = (descriptors) => new Received(descriptors).take(descriptors.length)

module.exports = { Handle, Received, handleOf, handlesOf }
