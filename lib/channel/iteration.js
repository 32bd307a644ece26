'use strict'

// One `for await` loop over a channel.

// The result of next() after the last message.
const OVER = Object.freeze({ value: undefined, done: true })

class Iteration {
  #ended
  #readers = new Set()
  #isOver = false
  #failure

  // `ended` is called once, with the readers that still wait.
  constructor(ended) {
    this.#ended = ended
  }

  get isOver() {
    return this.#isOver
  }

  // Returns a promise of the next message. `read` takes a reader, and resolves it with the next message or with the end.
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

  // Throws an error into the loop once: at the step that waits, or at the next step.
  fail(error) {
    const [reader] = this.#readers
    if (reader === undefined) this.#failure = error
    else {
      this.#readers.delete(reader)
      reader.reject(error)
    }
    this.end()
  }

  // Ends the loop at `break`. Throws an error that arrived after the last message, so that the error isn't lost.
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
