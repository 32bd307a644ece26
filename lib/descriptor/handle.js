'use strict'

const { inspectable } = require('../core/inspection.js')
const native = require('../core/native.js')

// Loaded when there is something to say, or to do.
const errors = () => require('../core/errors.js')
const adopt = () => require('./adopt.js')

// Known to this package only, so that nobody makes a Handle of a descriptor that is somebody else's.
const OWN = Symbol('owned descriptor')

// Descriptors that were received together. They are closed once all their handles are collected.
const collected = new FinalizationRegistry((descriptors) => {
  for (const [fd, identity] of descriptors) closeUnclaimed(fd, identity)
})

// `identity` is given for a descriptor whose number the program has read. The program may have closed that number, and may
// now use it for another file.
function closeUnclaimed(fd, identity) {
  const current = native.identityOf(fd)
  if (current === null || (identity !== undefined && identity !== current)) {
    process.emitWarning(errors().handleLost(fd))
    return
  }
  process.emitWarning(errors().handleCollected(fd, native.kindOf(fd)))
  native.discard(Int32Array.of(fd))
}

// What the handles of some descriptors have in common: it is collected when they are.
class Custody {
  #unclaimed

  // `unclaimed`: a Map from each descriptor to its identity, if the program has read its number.
  constructor(unclaimed) {
    this.#unclaimed = unclaimed
    collected.register(this, unclaimed, this)
  }

  identify(fd, identity) {
    this.#unclaimed.set(fd, identity)
  }

  claim(fd) {
    this.#unclaimed.delete(fd)
    if (this.#unclaimed.size === 0) collected.unregister(this)
  }
}

let isOpen
let guard
let fieldsOf
let numberOf

// Owns a descriptor.
class Handle {
  #fd
  #name
  #custody
  #identity

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
      const unclaimed = new Map()
      for (const handle of handles) unclaimed.set(handle.#fd, handle.#identity)
      const custody = new Custody(unclaimed)
      for (const handle of handles) handle.#custody = custody
    }

    // For calls that don't reveal the number.
    numberOf = (handle) => handle.#open()
  }

  get fd() {
    const fd = this.#open()
    if (this.#identity === undefined) this.#identify(fd)
    return fd
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

  // Called just before the number is returned: until then, no other code can have closed the descriptor. fstat(2) for each
  // received handle would cost a third of the handles a second (npm run bench -- handles).
  #identify(fd) {
    this.#identity = native.identityOf(fd) ?? ''
    this.#custody?.identify(fd, this.#identity)
  }

  #giveUp() {
    this.#custody?.claim(this.#fd)
    this.#custody = undefined
    this.#fd = undefined
  }
}

inspectable(Handle, fieldsOf)

// Returns null if the program closed the descriptor by its number.
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

module.exports = { Handle, bareHandlesOf, guard, handleOf, handlesOf, isOpen, numberOf }
