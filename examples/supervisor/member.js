'use strict'

// A worker, as its master sees it.

const { EventEmitter } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { fork } = require('procnative')
const settings = require('./settings.js')

/** 'ready': it serves. 'leaving': by itself, as it has failed; it ends when it has answered those that it has. 'end' (how): it is gone. */
class Member extends EventEmitter {
  #child
  #since = Date.now()
  /** @type {NodeJS.Timeout | undefined} */
  #limit
  /** @type {'starting' | 'ready' | 'leaving' | 'gone'} */
  state = 'starting'
  /** Resolves when it serves, rejects if it ends before. @type {Promise<void>} */
  serves
  /** @type {Promise<void>} */
  gone

  /** @param {import('procnative').Handle} listening what it is to serve on */
  constructor(listening) {
    super()
    // The path as it is here: a relative one would be another there.
    const child = fork(path.join(__dirname, 'worker.js'), [], { env: { ...process.env, APP: settings.app } })
    this.#child = child
    this.#endWithin(settings.patience)
    this.serves = new Promise((resolve, reject) => {
      this.once('ready', resolve)
      this.once('end', (how) => reject(new Error(`worker ${this.pid} has ended before it served: ${how}`)))
    })
    // Who does not wait for that, hears of the end.
    this.serves.catch(() => {})
    this.gone = new Promise((resolve) => this.once('end', () => resolve()))

    child.on('exit', (code, signal) => this.#end(signal ?? `code ${code}`))
    child.on('error', (error) => {
      // It could not even be started: then there is no 'exit'.
      if (this.pid === undefined) this.#end(error.message)
      else console.error(`${this.pid}: ${error.message}`)
    })
    child.handles.on('error', (error) => console.error(`${this.pid}: ${error.message}`))
    child.handles.on('message', (message) => this.#hear(message))
    this.send('serve', listening)
  }

  get pid() {
    return this.#child.pid
  }

  get uptime() {
    return Date.now() - this.#since
  }

  /** How much memory it has, in bytes. */
  get memory() {
    return residentMemory(/** @type {number} */ (this.pid))
  }

  /** @param {unknown} message @param {import('procnative').Handle} [handle] */
  send(message, handle) {
    // Who has ended hears nothing any more, which 'end' tells; who could not be started never did.
    if (this.pid === undefined) return
    this.#child.handles.send(message, handle).catch((error) => console.error(`${this.pid}: ${error.message}`))
  }

  leave() {
    if (this.state === 'gone') return
    this.#isLeaving()
    this.send('leave')
  }

  /** @param {NodeJS.Signals} signal */
  kill(signal) {
    this.#child.kill(signal)
  }

  /** @param {unknown} message */
  #hear(message) {
    if (message === 'ready' && this.state === 'starting') {
      this.state = 'ready'
      clearTimeout(this.#limit)
      this.emit('ready')
    } else if (message === 'leaving' && (this.state === 'starting' || this.state === 'ready')) {
      this.#isLeaving()
      this.emit('leaving')
    }
  }

  #isLeaving() {
    this.state = 'leaving'
    this.#endWithin(settings.grace + 1000)
  }

  /** Who hangs hears nothing, and no timer of its own either. @param {number} milliseconds */
  #endWithin(milliseconds) {
    clearTimeout(this.#limit)
    this.#limit = setTimeout(() => this.kill('SIGKILL'), milliseconds)
  }

  /** @param {string} how */
  #end(how) {
    clearTimeout(this.#limit)
    this.state = 'gone'
    this.emit('end', how)
  }
}

/** @param {number} pid */
function residentMemory(pid) {
  const [, kilobytes = 0] = fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+)/m) ?? []
  return Number(kilobytes) * 1024
}

module.exports = { Member, residentMemory }
