'use strict'

const { makeInspectable } = require('../core/make-inspectable.js')
const native = require('../core/native.js')

// Loaded lazily: only errors and adopt() need these.
const errors = () => require('../core/errors.js')
const adopt = () => require('./adopt.js')

// Not exported, so that only procnative can construct a Handle.
const KEY = Symbol('handle key')

// Closes descriptors that were received together, once all their handles are collected.
const collected = new FinalizationRegistry((descriptors) => {
  for (const [fd, identity] of descriptors) closeUnclaimed(fd, identity)
})

// Closes a descriptor of a collected handle, and warns. `identity`: of the file, if the program has read the number. The program
// may then have closed the number, and may use it for another file.
function closeUnclaimed(fd, identity) {
  const current = native.identityOf(fd)
  if (current === null || (identity !== undefined && identity !== current)) {
    process.emitWarning(errors().handleLost(fd))
    return
  }
  process.emitWarning(errors().handleCollected(fd, native.kindOf(fd)))
  native.discard(Int32Array.of(fd))
}

// Descriptors that were received together. Their handles share it, so it is collected with the last handle.
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

// An owned descriptor.
class Handle {
  #fd
  #name
  #custody
  #identity

  constructor(key, fd, name) {
    if (key !== KEY) throw errors().illegalConstructor()
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

    // Puts handles into one custody, which closes their descriptors when all of them are collected.
    guard = (handles) => {
      const unclaimed = new Map()
      for (const handle of handles) unclaimed.set(handle.#fd, handle.#identity)
      const custody = new Custody(unclaimed)
      for (const handle of handles) handle.#custody = custody
    }

    // Returns the number for calls that don't reveal it to the program.
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
    // Not `this.close()`: a program may have replaced that method.
    Handle.prototype.close.call(this)
  }

  #open() {
    if (this.#fd === undefined) throw errors().handleClosed()
    return this.#fd
  }

  // Remembers the file just before the program gets the number: until then, no other code can close the descriptor. An fstat(2)
  // for each received handle would cost a third of the handles per second (npm run bench -- handles).
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

makeInspectable(Handle, fieldsOf)

// Returns the kind for an inspection. Returns null if the program closed the descriptor by its number.
function kindOf(fd) {
  try {
    return native.kindOf(fd)
  } catch (error) {
    if (error.code === 'EBADF') return null
    throw error
  }
}

// Makes handles. The caller must guard them.
function makeUnguardedHandles(descriptors) {
  const handles = []
  for (let index = 0; index < descriptors.length; index++) handles.push(new Handle(KEY, descriptors[index]))
  return handles
}

// Makes handles of descriptors that were received together, and guards them.
function makeHandles(descriptors) {
  const handles = makeUnguardedHandles(descriptors)
  if (handles.length > 0) guard(handles)
  return handles
}

// Makes a handle of a descriptor that this process opened or inherited. The collector doesn't close the descriptor, because other
// code may use the number.
const makeHandle = (fd, name) => new Handle(KEY, fd, name)

module.exports = { Handle, makeUnguardedHandles, guard, makeHandle, makeHandles, isOpen, numberOf }
