'use strict'

// The receiving half of a channel: hands out received messages to listeners and `for await` loops.

const debug = require('../core/debug.js')
const errors = require('../core/errors.js')
const native = require('../core/native.js')
const { requireStack } = require('../core/stack.js')
const { Iteration, OVER } = require('./iteration.js')
const { Batch } = require('./received-batch.js')

// Receives per channel and turn, so that a busy channel can't starve other channels.
const RECEIVES_PER_TURN = 4

class Inbox {
  #reactor
  #token
  #longestText
  #decode
  #channel
  #resource
  #changed
  #failed
  #batch
  #end = null
  #readers = []
  #iterations = new Set()
  #hasListener = false
  #isPumping = false
  #isPaused = false
  #isRead = false
  #isClosed = false

  // Emits 'message' on `channel`, in the context of `resource`. `changed()` is called after messages were handed out;
  // `failed(error)` if the channel must close at once.
  constructor(reactor, token, { longestText, decode }, channel, resource, changed, failed) {
    this.#reactor = reactor
    this.#token = token
    this.#longestText = longestText
    this.#decode = decode
    this.#channel = channel
    this.#resource = resource
    this.#changed = changed
    this.#failed = failed
  }

  // How the stream has ended, once all earlier messages are handed out; null before.
  get end() {
    return this.#batch === undefined ? this.#end : null
  }

  // Returns true while the kernel reports messages to receive.
  get isRead() {
    return this.#isRead
  }

  get isIterated() {
    return this.#iterations.size > 0
  }

  // Receives messages. Called when the socket is readable.
  receive() {
    for (let left = RECEIVES_PER_TURN; left > 0 && this.#receiveBatch(); left--);
  }

  // Returns true if there may be more, and every received handle was already disposed of. Otherwise listeners get a turn to
  // close their handles first.
  #receiveBatch() {
    if (this.#isClosed) return false
    let incoming
    try {
      incoming = native.receiveMessages(this.#reactor, this.#token, this.#longestText)
      if (incoming.frames.length > 0) this.#batch = new Batch(incoming, this.#decode)
    } catch (error) {
      this.#failed(error)
      return false
    }
    this.#end ??= incoming.end
    const batch = this.#batch
    this.#pump()
    return incoming.isCut && this.#isRead && !batch.isKept
  }

  // Hands out the messages of the batch while there is a listener or a reader.
  #pump() {
    if (this.#isPumping) return
    this.#isPumping = true
    const batch = this.#batch
    try {
      this.#resource.runInAsyncScope(this.#handOut, this)
    } finally {
      this.#isPumping = false
      batch?.guard()
      // A listener has thrown.
      if (this.#batch && this.#isTaken()) setImmediate(() => this.#pump())
      this.#changed()
    }
  }

  #handOut() {
    while (this.#batch !== undefined && this.#isTaken()) this.#deliver(this.#batch)
  }

  #isTaken() {
    return !this.#isPaused && (this.#hasListener || this.#readers.length > 0)
  }

  #deliver(batch) {
    let message
    try {
      message = batch.message
    } catch (error) {
      this.#failed(errors.messageInvalid(error))
      return
    }
    const handles = batch.take()
    if (batch.isEmpty) this.#batch = undefined
    if (debug.reportsReceives()) debug.received(this.#token, this.#channel, message, handles)
    if (this.#readers.length === 0) this.#channel.emit('message', message, handles)
    else this.#readers.shift().resolve({ value: { message, handles }, done: false })
  }

  listen(hasListener) {
    this.#hasListener = hasListener
    this.#pumpSoon()
  }

  pause() {
    this.#isPaused = true
  }

  resume() {
    this.#isPaused = false
    this.#pumpSoon()
  }

  #pumpSoon() {
    if (this.#batch && !this.#isPumping) process.nextTick(() => this.#pump())
  }

  // Asks the kernel to report messages, if there is a listener or a reader, or if the channel is closing. Where both ends
  // close, each must read, so that the other end can send its queue.
  read(isClosing) {
    const isRead = (isClosing || this.#isTaken()) && !this.#batch && this.#end === null
    if (this.#isRead === isRead) return
    native.readChannel(this.#reactor, this.#token, isRead)
    this.#isRead = isRead
  }

  // Discards the batch, unless there is a listener or a `for await` loop. A paused one counts, too.
  discardUnwanted() {
    if (this.#batch && !this.#hasListener && this.#iterations.size === 0) this.#discard()
  }

  #discard() {
    this.#batch.discard()
    this.#batch = undefined
  }

  iterate() {
    const iteration = new Iteration((readers) => {
      this.#iterations.delete(iteration)
      this.#readers = this.#readers.filter((reader) => !readers.has(reader))
      this.#changed()
    })
    const read = (reader) => {
      if (this.#isClosed) return reader.resolve(OVER)
      this.#readers.push(reader)
      this.#pump()
    }
    this.#iterations.add(iteration)
    const iterator = {
      next: () => (iteration.isOver ? undefined : this.#takeBare()) ?? iteration.next(read),
      return: async () => iteration.leave(),
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  // Returns a promise of the next message, if there is no other reader and no handle. Any step that can overflow the stack
  // runs before the message is taken.
  #takeBare() {
    const batch = this.#batch
    if (batch?.hasBare && !this.#isTakenElsewhere() && !debug.reportsReceives()) {
      const result = { value: undefined, done: false }
      const promise = Promise.resolve(result)
      result.value = batch.takeBare()
      if (result.value) return promise
    }
    requireStack()
    return undefined
  }

  // Returns true if next() must not take a message from the batch by itself.
  #isTakenElsewhere() {
    return this.#isPaused || this.#isPumping || this.#hasListener || this.#readers.length > 0
  }

  // Discards received messages. Receives no more.
  close() {
    this.#isClosed = true
    if (this.#batch) this.#discard()
  }

  // Throws an error into all `for await` loops.
  fail(error) {
    for (const iteration of this.#iterations) iteration.fail(error)
  }

  endIterations() {
    for (const iteration of this.#iterations) iteration.end()
  }
}

module.exports = { Inbox }
