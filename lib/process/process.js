'use strict'

const { inspectable } = require('../core/inspection.js')

// Loaded when there is something to say, or to do.
const errors = () => require('../core/errors.js')
const watches = () => require('./exit-watch.js')
const validate = () => require('../core/validate.js')

// Known to this package only, so that nobody makes a Process of what is somebody else's.
const OWN = Symbol('owned process')

// A child that nobody has an object for any more is still reaped.
const collected = new FinalizationRegistry((watch) => watch.release())

let fieldsOf

// Owns a pidfd.
class Process {
  #pid
  #stdio
  #watch
  #isClosed = false

  static {
    fieldsOf = (one) => (#pid in one ? { pid: one.#pid, closed: one.#isClosed } : undefined)
  }

  constructor(key, pid, watch, stdio) {
    if (key !== OWN) throw errors().illegalConstructor()
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
    // Not by a method of whatever this is called on.
    Process.prototype.close.call(this)
  }

  #requireOpen() {
    if (this.#isClosed) throw errors().processClosed()
  }
}

inspectable(Process, fieldsOf)

const processOf = (pid, watch, stdio = []) => new Process(OWN, pid, watch, stdio)

function openProcess(pid) {
  return processOf(validate().ownPid(pid, 'pid'), watches().watchProcess(pid, false))
}

module.exports = { Process, openProcess, processOf }
