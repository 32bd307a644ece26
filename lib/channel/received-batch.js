'use strict'

// Messages that were received together, to take one by one.

const { guard, isOpen, makeUnguardedHandles } = require('../descriptor/handle.js')
const native = require('../core/native.js')

const { FRAME_FIELDS: FIELDS, FRAME_HANDLES: HANDLES } = native

class Batch {
  // Parsed messages with a separator between them (#step = 2), or raw payloads (#step = 1).
  #messages
  #step
  #decode
  #frames
  #fds
  #handles
  #at = 0
  #isKept = false
  // The handles of the message taken last: from #first up to #end.
  #first = 0
  #end = 0

  constructor({ content, between, frames, fds }, decode) {
    const count = frames.length / FIELDS
    const parsed = typeof content === 'string' ? parseAll(content, between, count, decode) : undefined
    this.#messages = parsed ?? payloadsOf(content, frames)
    this.#step = parsed ? 2 : 1
    this.#decode = parsed ? itself : (payload) => decode(payload ?? notText())
    this.#frames = frames
    this.#fds = fds
    this.#handles = makeUnguardedHandles(fds)
  }

  get isEmpty() {
    return FIELDS * this.#at === this.#frames.length
  }

  // Returns true if a listener has left a handle open.
  get isKept() {
    return this.#isKept
  }

  // Returns the next message. If decoding throws, the batch does not advance.
  get message() {
    const at = this.#step * this.#at
    const message = this.#decode(this.#messages[at])
    // Let the garbage collector have the message as soon as the program drops it.
    this.#messages[at] = undefined
    return message
  }

  // True if at least two messages are left and none of the messages has handles.
  get hasBare() {
    return this.#fds.length === 0 && FIELDS * (this.#at + 1) < this.#frames.length
  }

  // Takes the next message without handles. Returns undefined if decoding fails; `message` then throws the error.
  takeBare() {
    const at = this.#step * this.#at
    let value
    try {
      value = { message: this.#decode(this.#messages[at]), handles: [] }
    } catch {
      return undefined
    }
    this.#messages[at] = undefined
    this.#at++
    return value
  }

  // Returns the handles of the next message, and advances.
  take() {
    this.guard()
    this.#end += this.#frames[FIELDS * this.#at++ + HANDLES]
    return this.#handles.slice(this.#first, this.#end)
  }

  // Guards the handles of the message taken last that are still open. Called late, because most programs have closed them by
  // then, and to guard a handle takes longer than to receive it.
  guard() {
    let open
    while (this.#first < this.#end) {
      const handle = this.#handles[this.#first]
      // Let the garbage collector have the handle as soon as the program drops it.
      this.#handles[this.#first++] = undefined
      if (!isOpen(handle)) continue
      open ??= []
      open.push(handle)
    }
    if (open === undefined) return
    this.#isKept = true
    guard(open)
  }

  // Drops the remaining messages, and closes their descriptors.
  discard() {
    native.discard(this.#fds.subarray(this.#end))
    this.#at = this.#frames.length / FIELDS
  }
}

// Parses all messages by one call: an array with `between` after each message but the last. Returns undefined if a message is
// not JSON, or if it is more than one JSON value.
// 1.2x on messages of 64 B without handles (npm run bench -- handles)
function parseAll(content, between, count, decode) {
  let parsed
  try {
    parsed = decode(content)
  } catch {
    return undefined
  }
  if (parsed.length !== 2 * count - 1) return undefined
  for (let at = 1; at < parsed.length; at += 2) if (parsed[at] !== between) return undefined
  return parsed
}

function payloadsOf(content, frames) {
  if (Array.isArray(content)) return content
  const payloads = []
  for (let at = 0; at < frames.length; at += FIELDS) {
    const [start, end] = [frames[at], frames[at] + frames[at + 1]]
    payloads.push(typeof content === 'string' ? content.slice(start, end) : content.subarray(start, end))
  }
  return payloads
}

function notText() {
  throw new TypeError('The message is not UTF-8')
}

const itself = (message) => message

module.exports = { Batch }
