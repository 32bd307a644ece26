'use strict'

// Messages that were received together, to be taken one by one.

const { guard, isOpen, makeUnguardedHandles } = require('../descriptor/handle.js')
const native = require('../core/native.js')

// Of each message: where it begins, its length, how many descriptors are its.
const FIELDS = native.FRAME_FIELDS
const COUNT = native.FRAME_HANDLES

class Batch {
  // Or their payloads. From one to the next it is a step.
  #messages
  #step
  #decode
  #frames
  #fds
  #handles
  #at = 0
  #isKept = false
  // Of those that were taken last.
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

  // Whether somebody has left a handle open.
  get isKept() {
    return this.#isKept
  }

  // The next one, once. What throws, has taken nothing.
  get message() {
    const at = this.#step * this.#at
    const message = this.#decode(this.#messages[at])
    // It may be collected when its listeners let go of it.
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

  // The handles of the next message, which thereby has had its turn.
  take() {
    this.guard()
    this.#end += this.#frames[FIELDS * this.#at++ + COUNT]
    return this.#handles.slice(this.#first, this.#end)
  }

  // Those that were taken last. Most are taken over or closed by now: to guard one takes longer than to receive it.
  guard() {
    let open
    while (this.#first < this.#end) {
      const handle = this.#handles[this.#first]
      // It may be collected when its listeners let go of it.
      this.#handles[this.#first++] = undefined
      if (!isOpen(handle)) continue
      open ??= []
      open.push(handle)
    }
    if (open === undefined) return
    this.#isKept = true
    guard(open)
  }

  // Closes the handles of what was not taken.
  discard() {
    native.discard(this.#fds.subarray(this.#end))
    this.#at = this.#frames.length / FIELDS
  }
}

// All at once, which takes half as long as one by one: messages, and `between` after each but the last. Undefined where one of
// them is not JSON, or more than that.
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
