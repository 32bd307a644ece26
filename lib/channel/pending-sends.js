'use strict'

// Promises of queued messages, in their order.

// Compact the array when this many settled entries are at its front.
const SLACK = 1024

class Sends {
  // Number of messages that the native half has queued so far. A plain field, because counting must need no stack: a stack
  // overflow may cost the message its promise, but not its place.
  queued = 0
  // Entries from message number #base on. Those before #first are settled. A message without a promise has no entry.
  #waiting = []
  #base = 0
  #first = 0

  get size() {
    return this.queued - this.#base - this.#first
  }

  // Returns the promise of the message queued last.
  wait() {
    const promise = new Promise(this.#add)
    this.#waiting[this.#waiting.length - 1].promise = promise
    return promise
  }

  #add = (resolve, reject) => {
    this.#waiting[this.queued - 1 - this.#base] = { resolve, reject, promise: undefined }
  }

  resolve(count) {
    for (let done = 0; done < count; done++) this.#next()?.resolve()
  }

  // Rejects the next message only.
  reject(error) {
    this.#next()?.reject(error)
  }

  // Rejects all messages, because the channel has ended. 'close' reports that too, so no promise is an unhandled rejection.
  abandon(error) {
    for (let left = this.size; left > 0; left--) {
      const next = this.#next()
      next?.promise?.catch(ignore)
      next?.reject(error)
    }
  }

  #next() {
    const next = this.#waiting[this.#first]
    this.#waiting[this.#first++] = undefined
    if (this.size === 0) {
      this.#waiting = []
      this.#base = this.queued
      this.#first = 0
    } else if (this.#first >= SLACK && this.#first > this.#waiting.length / 2) {
      this.#waiting.splice(0, this.#first)
      this.#base += this.#first
      this.#first = 0
    }
    return next
  }
}

const ignore = () => {}

module.exports = { Sends }
