'use strict'

// Messages that were received together, to be taken one by one.

const { bareHandlesOf } = require('./handle.js')
const native = require('./native.js')

// Of each message: where it begins, its length, how many descriptors are its.
const FIELDS = 3

class Batch {
  #content
  #frames
  #fds
  #decode
  #at = 0
  #fd = 0

  constructor({ content, frames, fds }, decode) {
    this.#content = content
    this.#frames = frames
    this.#fds = fds
    this.#decode = decode
  }

  get isEmpty() {
    return this.#at === this.#frames.length
  }

  // The next message and its handles, which are to be guarded. What throws, has taken nothing.
  take() {
    const message = this.#decode(this.#payload())
    const count = this.#frames[this.#at + 2]
    const handles = bareHandlesOf(this.#fds, this.#fd, count)
    this.#at += FIELDS
    this.#fd += count
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
    native.discard(this.#fds.subarray(this.#fd))
    this.#at = this.#frames.length
    this.#fd = this.#fds.length
  }
}

function notText() {
  throw new TypeError('The message is not UTF-8')
}

module.exports = { Batch }
