'use strict'

// A worker, as its master sees it.

const { EventEmitter } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { fork } = require('procnative')
const settings = require('./settings.js')

/**
 * A worker process. Events:
 *
 *   'ready'      the worker serves
 *   'leaving'    the worker has failed, and ends after its open answers
 *   'end' (how)  the worker has ended
 */
class Member extends EventEmitter {
  #child
  #since = Date.now()
  /** @type {NodeJS.Timeout | undefined} */
  #limit
  /** @type {'starting' | 'ready' | 'leaving' | 'gone'} */
  state = 'starting'
  /** Resolves when the worker serves, rejects if the worker ends before. @type {Promise<void>} */
  serves
  /** @type {Promise<void>} */
  gone

  /** @param {import('procnative').Handle} listening the socket that the worker serves on */
  constructor(listening) {
    super()
    // An absolute path, because a relative one could mean another file in the worker.
    const child = fork(path.join(__dirname, 'worker.js'), [], { env: { ...process.env, APP: settings.app } })
    this.#child = child
    this.#endWithin(settings.patience)
    this.serves = new Promise((resolve, reject) => {
      this.once('ready', resolve)
      this.once('end', (how) => reject(new Error(`worker ${this.pid} has ended before it served: ${how}`)))
    })
    // Callers that do not wait for `serves` use 'end'.
    this.serves.catch(() => {})
    this.gone = new Promise((resolve) => this.once('end', () => resolve()))

    child.on('exit', (code, signal) => this.#end(signal ?? `code ${code}`))
    child.on('error', (error) => {
      // The start failed, so no 'exit' follows.
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

  /** The resident memory in bytes. */
  get memory() {
    return residentMemory(/** @type {number} */ (this.pid))
  }

  /** @param {unknown} message @param {import('procnative').Handle} [handle] */
  send(message, handle) {
    // A worker that could not start gets no messages.
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

  /** Kills the worker after a time, because a blocked worker gets no message and runs no timer. @param {number} milliseconds */
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
