'use strict'

// Promises of queued messages, in their order.

// Compact the array when this many settled entries are at its front.
const SLACK = 1024

class PendingSends {
  // The entry of each message that is not settled, from #first on. Store entries by index: a call could overflow the stack.
  waiting = []
  // Number of messages settled since the channel was opened.
  count = 0
  #first = 0

  get size() {
    return this.waiting.length - this.#first
  }

  // Resolves the promises of all messages before message number `count`. After a stack overflow, the next call goes on.
  resolve(count) {
    while (this.count < count) {
      this.waiting[this.#first].resolve()
      this.#remove()
    }
  }

  // Rejects the next message only.
  reject(error) {
    this.waiting[this.#first].reject(error)
    this.#remove()
  }

  // Rejects all messages, because the channel has ended. 'close' reports that too, so no promise is an unhandled rejection.
  abandon(error) {
    while (this.size > 0) {
      this.waiting[this.#first].promise.catch(ignore)
      this.reject(error)
    }
  }

  #remove() {
    this.waiting[this.#first++] = undefined
    this.count++
    if (this.#first === this.waiting.length) {
      this.waiting = []
      this.#first = 0
    } else if (this.#first >= SLACK && this.#first > this.waiting.length / 2) {
      this.waiting.splice(0, this.#first)
      this.#first = 0
    }
  }
}

const ignore = () => {}

let last

// One function for all promises. A new function for each promise takes longer to compile.
// 1.2x in the second round (npm run bench -- handles)
function setLast(resolve, reject) {
  last.resolve = resolve
  last.reject = reject
}

// Returns a promise with the functions that settle it, like Promise.withResolvers(), which Node 20 lacks. If the stack overflows
// in setLast(), the promise is rejected and the functions are undefined.
function newPending() {
  const pending = { promise: undefined, resolve: undefined, reject: undefined }
  last = pending
  pending.promise = new Promise(setLast)
  last = undefined
  return pending
}

module.exports = { PendingSends, newPending }
