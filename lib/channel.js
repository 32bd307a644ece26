'use strict'

// Messages and handles over a Unix stream socket. The bytes are src/channel's; here are promises, events and who reads.

const { Batch } = require('./batch.js')
const errors = require('./errors.js')
const { inspectable } = require('./inspection.js')
const { Iteration, OVER } = require('./iteration.js')
const { Listened } = require('./listened.js')
const native = require('./native.js')
const reactor = require('./reactor.js')
const { isError } = require('./realm.js')
const { Sends } = require('./sends.js')
const serializations = require('./serialization.js')
const { descriptorsToSend } = require('./to-send.js')
const turn = require('./turn.js')

// Known to this package only, so that nobody makes a Channel of a socket that is somebody else's.
const OWN = Symbol('owned channel')

// What has become of all that was to be sent (src/js/channel.rs).
const SENT = 0
const QUEUED = 1
const CROWDED = 3
const FAILED = 4
const BROKEN = 5
const STATES = 7
// Beside one of these: some of it was sent.
const DONE = 8
// And: the turn is to be ended.
const FIRST = 16

// Of so many descriptors as the native half receives at once, how often in a turn: the others are to have theirs.
const BATCHES = 4

// After how many milliseconds one looks again whether descriptors in flight have been received: nothing tells.
const CROWD_PAUSE = 2

let fieldsOf

class Channel extends Listened {
  #reactor
  #token
  #isText
  #encode
  #decode
  #peer
  #sends = new Sends()
  #sending = SENT
  #retry
  #batch
  #end = null
  #readers = []
  #iterations = new Set()
  #hasListener = false
  #isPumping = false
  #isPaused = false
  #isRead = false
  #isRef = true
  #isHolding = false
  #isShutDown = false
  #isEnding = false
  #isClosed = false
  #closing
  #closed
  #forget

  static {
    fieldsOf = (channel) => (#token in channel ? { peer: channel.#peer ?? null, closed: channel.#isClosed } : undefined)
  }

  constructor(key, fd, options, forget) {
    if (key !== OWN) throw errors.illegalConstructor()
    const { serialization, maxMessageLength, maxHandles } = options
    super(() => this.#listenersChanged())
    this.#forget = forget
    const { isText, encode, decode } = serializations[serialization]
    this.#isText = isText
    this.#encode = encode
    this.#decode = decode
    this.#peer = native.peerOf(fd)
    this.#reactor = reactor.open()
    this.#token = native.openChannel(this.#reactor, fd, maxMessageLength, maxHandles)
    reactor.register(this.#token, { ready: (receive, send) => this.#ready(receive, send) })
  }

  get peer() {
    return this.#peer ?? null
  }

  get closed() {
    return this.#isClosed
  }

  // ── Sending ──

  // This and #handOut are small: of such functions, with all that they call, V8 makes fast code some thousand messages sooner.
  send(message, handles) {
    try {
      return this.#dispatch(this.#encode(message), handles)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #dispatch(payload, handles) {
    const fds = descriptorsToSend(handles, 'handles')
    if (this.#isEnding) throw errors.channelClosed()
    const state = native.sendMessage(this.#reactor, this.#token, payload, fds)
    if (state !== this.#sending) return this.#changed(state)
    return state === SENT ? Promise.resolve() : new Promise(this.#sends.add)
  }

  #changed(state) {
    if (state & FIRST) turn.atEnd(this.#endTurn)
    const reached = state & STATES
    if (reached === SENT && this.#sends.size === 0) return Promise.resolve()
    const sent = new Promise(this.#sends.add)
    if (reached === QUEUED && !(state & DONE)) this.#sending = QUEUED
    // Else nothing has changed but the turn: what is tried again in a moment, is not to be put off.
    else if ((state & ~FIRST) !== this.#sending) this.#progress(reached)
    return sent
  }

  #endTurn = () => {
    if (this.#isClosed) return
    const state = native.endTurn(this.#reactor, this.#token)
    if (this.#sending === QUEUED) this.#progress(state)
  }

  // A turn, or a timer, may come to it after all has failed.
  #flush() {
    if (!this.#isClosed && this.#sending !== BROKEN) this.#progress(native.flushChannel(this.#reactor, this.#token))
  }

  // Of those that can't be sent, whatever else can.
  #failed() {
    let state = FAILED
    while (state === FAILED) {
      this.#sends.resolve(native.messagesSent(this.#reactor, this.#token))
      this.#sends.reject(this.#failureToSend(), 1)
      state = native.flushChannel(this.#reactor, this.#token)
    }
    return state
  }

  #progress(reached) {
    const state = reached === FAILED ? this.#failed() : reached
    this.#sending = state
    if (state === SENT) this.#sends.resolve()
    else this.#sends.resolve(native.messagesSent(this.#reactor, this.#token))
    if (state === CROWDED) this.#tryAgain()
    if (state === BROKEN) this.#break(this.#failureToSend())
    this.#settled()
  }

  // That the peer is gone, whoever reads finds out. Else a message is sent by half, and nothing can follow it.
  #break(error) {
    this.#sends.reject(error)
    if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') this.#finish(error)
  }

  #tryAgain() {
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.#flush(), CROWD_PAUSE)
    if (!this.#isRef) this.#retry.unref()
  }

  #failureToSend() {
    try {
      native.throwFailure(this.#reactor, this.#token)
    } catch (error) {
      return error
    }
  }

  // ── Receiving ──

  #ready(receive, send) {
    if (send) this.#flush()
    for (let left = BATCHES; receive && left > 0; left--) receive = this.#receive()
  }

  // Whether there may be more, and nobody keeps what has come: who closes it later, is to have a turn for that.
  #receive() {
    if (this.#isClosed) return false
    let incoming
    try {
      incoming = native.receiveMessages(this.#reactor, this.#token, this.#isText)
      if (incoming.frames.length > 0) this.#batch = new Batch(incoming, this.#decode)
    } catch (error) {
      this.#finish(error)
      return false
    }
    this.#end ??= incoming.end
    const batch = this.#batch
    this.#pump()
    return incoming.isCut && this.#isRead && !batch.isKept
  }

  // Hands out what there is, to whoever takes it.
  #pump() {
    if (this.#isPumping) return
    this.#isPumping = true
    const batch = this.#batch
    try {
      this.#handOut()
    } finally {
      this.#isPumping = false
      batch?.guard()
      // A listener has thrown.
      if (this.#batch && this.#isTaken()) setImmediate(() => this.#pump())
      this.#settled()
    }
  }

  #handOut() {
    // #isTaken, spelled out: a loop that is short is one that V8 compiles later.
    while (this.#batch !== undefined && !this.#isPaused && (this.#hasListener || this.#readers.length > 0)) {
      this.#deliver(this.#batch)
    }
  }

  #isTaken() {
    return !this.#isPaused && (this.#hasListener || this.#readers.length > 0)
  }

  // Also by one who pauses, or is between one message and the next.
  #isWanted() {
    return this.#hasListener || this.#iterations.size > 0
  }

  #deliver(batch) {
    let message
    try {
      message = batch.message
    } catch (error) {
      this.#finish(errors.messageInvalid(error))
      return
    }
    const handles = batch.take()
    if (batch.isEmpty) this.#batch = undefined
    if (this.#readers.length === 0) this.emit('message', message, handles)
    else this.#readers.shift().resolve({ value: { message, handles }, done: false })
  }

  #listenersChanged() {
    this.#hasListener = this.listenerCount('message') > 0
    if (this.#batch && !this.#isPumping) process.nextTick(() => this.#pump())
    this.#settled()
  }

  // ── What follows from all that ──

  // Whether to read, to stay alive, to end.
  #settled() {
    if (this.#isClosed) return
    if (this.#isEnding && this.#batch && !this.#isWanted()) this.#drop()
    if (this.#end !== null && !this.#batch) {
      this.#endRead()
      if (this.#isClosed) return
    }
    if (this.#closing && !this.#isShutDown && this.#sends.size === 0) {
      this.#isShutDown = true
      native.shutDownChannel(this.#reactor, this.#token)
    }
    // Where both ends close, each has to read for the other to be rid of what is queued.
    const isRead = this.#isTaken() || this.#closing !== undefined
    this.#read(isRead && !this.#batch && this.#end === null)
    this.#hold(this.#isRef && (this.#isRead || this.#closing !== undefined || this.#sends.size > 0))
  }

  // The peer has ended: so do we, once what is queued was sent.
  #endRead() {
    if (this.#end !== 'closed') return this.#finish(errors[this.#end]())
    this.#isEnding = true
    if (this.#sends.size === 0) this.#finish()
  }

  #drop() {
    this.#batch.discard()
    this.#batch = undefined
  }

  #read(yes) {
    if (this.#isRead === yes) return
    this.#isRead = yes
    native.readChannel(this.#reactor, this.#token, yes)
  }

  #hold(yes) {
    if (this.#isHolding === yes) return
    this.#isHolding = yes
    reactor.hold(yes ? +1 : -1)
  }

  // Closes now.
  #finish(error) {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isEnding = true
    clearTimeout(this.#retry)
    reactor.forget(this.#token)
    native.closeSocket(this.#reactor, this.#token)
    this.#hold(false)
    this.#forget()
    if (this.#batch) this.#drop()
    this.#sends.reject(error ?? errors.channelClosed())
    if (error) this.#tell(error)
    for (const iteration of this.#iterations) iteration.end()
    process.nextTick(() => {
      this.#closed?.()
      this.emit('close')
    })
  }

  // Who iterates, hears of an error by that.
  #tell(error) {
    const isTold = this.#iterations.size > 0 && this.listenerCount('error') === 0
    for (const iteration of this.#iterations) iteration.fail(error)
    if (!isTold) process.nextTick(() => this.emit('error', error))
  }

  // ── The rest of the surface ──

  on(event, listener) {
    // Not on whatever this is called on.
    if (!(#token in this)) throw new TypeError('Illegal invocation')
    return super.on(event, listener)
  }

  [Symbol.asyncIterator]() {
    const iteration = new Iteration((readers) => {
      this.#iterations.delete(iteration)
      this.#readers = this.#readers.filter((reader) => !readers.has(reader))
      this.#settled()
    })
    const read = (reader) => {
      if (this.#isClosed) return reader.resolve(OVER)
      this.#readers.push(reader)
      this.#pump()
    }
    this.#iterations.add(iteration)
    const iterator = {
      next: () => iteration.next(read),
      return: async () => iteration.leave(),
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  pause() {
    this.#isPaused = true
    this.#settled()
    return this
  }

  resume() {
    this.#isPaused = false
    if (this.#batch) process.nextTick(() => this.#pump())
    this.#settled()
    return this
  }

  ref() {
    this.#isRef = true
    this.#retry?.ref()
    this.#settled()
    return this
  }

  unref() {
    this.#isRef = false
    this.#retry?.unref()
    this.#settled()
    return this
  }

  close() {
    if (this.#isClosed) return Promise.resolve()
    this.#isEnding = true
    this.#closing ??= new Promise((resolve) => {
      this.#closed = resolve
    })
    if (this.#sending === QUEUED) this.#flush()
    this.#settled()
    return this.#closing
  }

  [Symbol.asyncDispose]() {
    // Not by a method of whatever this is called on.
    return Channel.prototype.close.call(this)
  }

  destroy(error) {
    if (error !== undefined && !isError(error)) {
      throw errors.invalidArgType('error', 'an instance of Error', error)
    }
    this.#finish(error)
  }
}

inspectable(Channel, fieldsOf)

// `forget` is called when the descriptor is another one's to have.
const channelOf = (fd, options, forget) => new Channel(OWN, fd, options, forget)

module.exports = { Channel, channelOf }
