'use strict'

// One `for await` over a channel.

// Its end.
const OVER = Object.freeze({ value: undefined, done: true })

class Iteration {
  #ended
  #readers = new Set()
  #isOver = false
  #failure

  // `ended` is called with those who wait, once.
  constructor(ended) {
    this.#ended = ended
  }

  get isOver() {
    return this.#isOver
  }

  // `read` has a reader be told of the next message, or of the end.
  next(read) {
    if (this.#failure) return Promise.reject(this.#takeFailure())
    if (this.#isOver) return Promise.resolve(OVER)
    return new Promise((resolve, reject) => {
      const reader = {
        resolve: (result) => {
          this.#readers.delete(reader)
          resolve(result)
        },
        reject,
      }
      this.#readers.add(reader)
      read(reader)
    })
  }

  #takeFailure() {
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }

  // Throws, once: now, or at the next message.
  fail(error) {
    const [reader] = this.#readers
    if (reader === undefined) this.#failure = error
    else {
      this.#readers.delete(reader)
      reader.reject(error)
    }
    this.end()
  }

  // The last chance to hear of what went wrong since the last message.
  leave() {
    if (this.#failure) throw this.#takeFailure()
    return this.end()
  }

  end() {
    if (this.#isOver) return OVER
    this.#isOver = true
    const readers = new Set(this.#readers)
    this.#ended(readers)
    for (const reader of readers) reader.resolve(OVER)
    return OVER
  }
}

module.exports = { Iteration, OVER }
