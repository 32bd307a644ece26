'use strict'

// The pause before a crashed worker starts again. Without a pause, a bug at the start would keep the machine busy.

const WINDOW = 60_000
const FIRST = 100
const LONGEST = 10_000

class Restarts {
  /** @type {number[]} */
  #crashes = []
  #limit

  /** @param {number} limit the allowed crashes in a minute */
  constructor(limit) {
    this.#limit = limit
  }

  /** Returns the pause after a crash in ms: twice the last one, up to LONGEST. Returns undefined after too many crashes. */
  next(now = Date.now()) {
    this.#crashes = this.#crashes.filter((at) => now - at < WINDOW)
    this.#crashes.push(now)
    if (this.#crashes.length > this.#limit) return undefined
    return Math.min(FIRST * 2 ** (this.#crashes.length - 1), LONGEST)
  }
}

module.exports = { Restarts }
