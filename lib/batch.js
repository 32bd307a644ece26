'use strict'

// Messages that were received together, to be taken one by one.

const { Received } = require('./handle.js')

// Of each message: where it begins, its length, how many descriptors are its.
const FIELDS = 3

class Batch {
  #content
  #frames
  #handles
  #decode
  #at = 0

  constructor({ content, frames, fds }, decode) {
    this.#content = content
    this.#frames = frames
    this.#handles = new Received(fds)
    this.#decode = decode
  }

  get isEmpty() {
    return this.#at === this.#frames.length
  }

  // The next message and its handles. What throws, has taken nothing.
  take() {
    const message = this.#decode(this.#payload())
    const handles = this.#handles.take(this.#frames[this.#at + 2])
    this.#at += FIELDS
    return { message, handles }
  }

  #payload() {
    const content = this.#content
    if (Array.isArray(content)) return content[this.#at / FIELDS] ?? notText()
    const start = this.#frames[this.#at]
    const end = start + this.#frames[this.#at + 1]
    return typeof content === 'string' ? content.slice(start, end) : content.subarray(start, end)
  }

  // Closes the handles of what was not taken.
  discard() {
    this.#handles.close()
    this.#at = this.#frames.length
  }
}

function notText() {
  throw new TypeError('The message is not UTF-8')
}

module.exports = { Batch }
