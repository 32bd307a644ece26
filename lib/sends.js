'use strict'

// Who waits until messages are sent, in their order.

// So many that are done with are let go of at once.
const SLACK = 1024

class Sends {
  #waiting = []
  #first = 0

  get size() {
    return this.#waiting.length - this.#first
  }

  // Has a new promise be one of the next message.
  add = (resolve, reject) => {
    this.#waiting.push({ resolve, reject })
  }

  resolve(count = this.size) {
    for (let done = 0; done < count; done++) this.#next().resolve()
  }

  reject(error, count = this.size) {
    for (let done = 0; done < count; done++) this.#next().reject(error)
  }

  #next() {
    const next = this.#waiting[this.#first]
    this.#waiting[this.#first++] = undefined
    if (this.#first === this.#waiting.length) {
      this.#waiting = []
      this.#first = 0
    } else if (this.#first >= SLACK && this.#first > this.#waiting.length / 2) {
      this.#waiting.splice(0, this.#first)
      this.#first = 0
    }
    return next
  }
}

module.exports = { Sends }
