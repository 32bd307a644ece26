'use strict'

// After how long to start again what has crashed. A bug that shows at once would else keep the machine busy with starting.

const WINDOW = 60_000
const FIRST = 100
const LONGEST = 10_000

class Restarts {
  /** @type {number[]} */
  #crashes = []
  #limit

  /** @param {number} limit how many crashes there may be in a minute */
  constructor(limit) {
    this.#limit = limit
  }

  /** The pause after a crash, in milliseconds: twice the last one. Undefined when there were too many. */
  next(now = Date.now()) {
    this.#crashes = this.#crashes.filter((at) => now - at < WINDOW)
    this.#crashes.push(now)
    if (this.#crashes.length > this.#limit) return undefined
    return Math.min(FIRST * 2 ** (this.#crashes.length - 1), LONGEST)
  }
}

module.exports = { Restarts }
