'use strict'

const { inspectable } = require('./inspection.js')
const native = require('./native.js')

// Loaded when there is something to say, or to do.
const errors = () => require('./errors.js')
const adopt = () => require('./adopt.js')

// Known to this package only, so that nobody makes a Handle of a descriptor that is somebody else's.
const OWN = Symbol('owned descriptor')

// Descriptors that came together, and are closed when nobody has a handle of one any more.
const collected = new FinalizationRegistry((descriptors) => {
  for (const fd of descriptors) closeUnclaimed(fd)
})

function closeUnclaimed(fd) {
  try {
    process.emitWarning(errors().handleCollected(fd, native.kindOf(fd)))
    native.discard(Int32Array.of(fd))
  } catch (error) {
    // It was closed by its number: somebody else could have that now.
    process.emitWarning(error)
  }
}

// What the handles of some descriptors have in common: it is collected when they are.
class Custody {
  #unclaimed

  constructor(descriptors) {
    this.#unclaimed = new Set(descriptors)
    collected.register(this, this.#unclaimed, this)
  }

  claim(fd) {
    this.#unclaimed.delete(fd)
    if (this.#unclaimed.size === 0) collected.unregister(this)
  }
}

let isOpen
let guard
let fieldsOf

// Owns a descriptor.
class Handle {
  #fd
  #name
  #custody

  constructor(key, fd, name) {
    if (key !== OWN) throw errors().illegalConstructor()
    this.#fd = fd
    this.#name = name
  }

  static {
    isOpen = (handle) => handle.#fd !== undefined

    fieldsOf = (handle) => {
      if (!(#fd in handle)) return undefined
      if (handle.#fd === undefined) return { closed: true }
      const fields = { fd: handle.#fd, kind: kindOf(handle.#fd) }
      return handle.#name === undefined ? fields : { ...fields, name: handle.#name }
    }

    // Has handles be closed when all of them are collected.
    guard = (handles) => {
      const custody = new Custody(handles.map((handle) => handle.#fd))
      for (const handle of handles) handle.#custody = custody
    }
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
    this.#custody?.claim(this.#fd)
    this.#custody = undefined
    this.#fd = undefined
  }
}

inspectable(Handle, fieldsOf)

// Null where the descriptor was closed by its number.
function kindOf(fd) {
  try {
    return native.kindOf(fd)
  } catch (error) {
    if (error.code === 'EBADF') return null
    throw error
  }
}

// Handles that are yet to be guarded.
function bareHandlesOf(descriptors) {
  const handles = []
  for (let index = 0; index < descriptors.length; index++) handles.push(new Handle(OWN, descriptors[index]))
  return handles
}

// Handles of descriptors that were received together.
function handlesOf(descriptors) {
  const handles = bareHandlesOf(descriptors)
  if (handles.length > 0) guard(handles)
  return handles
}

// Of a descriptor that this process has made, or was started with: it may well be used by its number.
const handleOf = (fd, name) => new Handle(OWN, fd, name)

module.exports = { Handle, bareHandlesOf, guard, handleOf, handlesOf, isOpen }
