'use strict'

const { makeInspectable } = require('../core/make-inspectable.js')

// Loaded lazily: a program that only requires procnative needs none of these.
const errors = () => require('../core/errors.js')
const watches = () => require('./exit-watch.js')
const validate = () => require('../core/validate.js')

// Not exported, so that only procnative can construct a Process.
const KEY = Symbol('process key')

// Releases the watches of collected Process objects, so that their children are still reaped.
const collected = new FinalizationRegistry((watch) => watch.release())

let fieldsOf

// A child of spawn(), or any process of openProcess(). The watch owns a pidfd.
class Process {
  #pid
  #stdio
  #watch
  #isClosed = false

  static {
    fieldsOf = (one) => (#pid in one ? { pid: one.#pid, closed: one.#isClosed } : undefined)
  }

  constructor(key, pid, watch, stdio) {
    if (key !== KEY) throw errors().illegalConstructor()
    this.#pid = pid
    this.#stdio = Object.freeze(stdio)
    this.#watch = watch
    collected.register(this, watch, this)
  }

  get pid() {
    return this.#pid
  }

  get stdio() {
    return this.#stdio
  }

  kill(signal = 'SIGTERM') {
    const number = validate().signalOrNumber(signal, 'signal')
    this.#requireOpen()
    return !this.#watch.hasEnded && this.#watch.signal(number)
  }

  async wait(options) {
    const { abortSignal, options: checked } = validate()
    const { signal } = checked(options, 'options', { signal: abortSignal })
    if (!this.#watch.hasEnded) this.#requireOpen()
    return this.#watch.wait(signal)
  }

  ref() {
    this.#watch.keepAlive(true)
    return this
  }

  unref() {
    this.#watch.keepAlive(false)
    return this
  }

  close() {
    this.#watch.release()
    this.#isClosed = true
    collected.unregister(this)
  }

  [Symbol.dispose]() {
    // Not `this.close()`: a program may have replaced that method.
    Process.prototype.close.call(this)
  }

  #requireOpen() {
    if (this.#isClosed) throw errors().processClosed()
  }
}

makeInspectable(Process, fieldsOf)

const makeProcess = (pid, watch, stdio = []) => new Process(KEY, pid, watch, stdio)

function openProcess(pid) {
  return makeProcess(validate().positivePid(pid, 'pid'), watches().watchProcess(pid, false))
}

module.exports = { Process, openProcess, makeProcess }
