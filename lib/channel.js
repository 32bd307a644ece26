'use strict'

// Messages and handles over a Unix stream socket. The bytes are src/channel's; here are promises, events and who reads.

const { Batch } = require('./batch.js')
const errors = require('./errors.js')
const { guard } = require('./handle.js')
const { Iteration, OVER } = require('./iteration.js')
const { Listened } = require('./listened.js')
const native = require('./native.js')
const reactor = require('./reactor.js')
const { Sends } = require('./sends.js')
const serializations = require('./serialization.js')
const { descriptorToSend } = require('./to-send.js')
const turn = require('./turn.js')

// Known to this package only, so that nobody makes a Channel of a socket that is somebody else's.
const OWN = Symbol('owned channel')

// What has become of all that was to be sent (src/js/channel.rs).
const SENT = 0
const QUEUED = 1
const CROWDED = 3
const FAILED = 4
const BROKEN = 5
// Beside one of these: some of it was sent.
const DONE = 8

// After how many milliseconds one looks again whether descriptors in flight have been received: nothing tells.
const CROWD_PAUSE = 2

class Channel extends Listened {
  #token
  #serialization
  #peer
  #sends = new Sends()
  #sending = SENT
  #retry
  #isInTurn = false
  #batch
  #end
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

  constructor(key, fd, options, forget) {
    if (key !== OWN) throw errors.illegalConstructor()
    const { serialization, maxMessageLength, maxHandles } = options
    super(() => this.#listenersChanged())
    this.#forget = forget
    this.#serialization = serializations[serialization]
    this.#peer = native.peerOf(fd)
    this.#token = native.openChannel(reactor.open(), fd, maxMessageLength, maxHandles)
    reactor.register(this.#token, { ready: (receive, send) => this.#ready(receive, send) })
  }

  get peer() {
    return this.#peer ?? null
  }

  get closed() {
    return this.#isClosed
  }

  // ── Sending ──

  send(message, handles) {
    let state
    try {
      const payload = this.#serialization.encode(message)
      const fds = handles === undefined ? undefined : descriptorsOf(handles)
      if (this.#isEnding) throw errors.channelClosed()
      state = native.sendMessage(reactor.open(), this.#token, payload, fds, !this.#isInTurn)
    } catch (error) {
      return Promise.reject(error)
    }
    if (!this.#isInTurn) {
      this.#isInTurn = true
      turn.atEnd(this.#endTurn)
    }
    if (state === SENT && this.#sends.size === 0) return Promise.resolve()
    const sent = this.#sends.add()
    if (state === QUEUED) this.#sending = state
    else if (state !== this.#sending) this.#progress(state & ~DONE)
    return sent
  }

  #endTurn = () => {
    this.#isInTurn = false
    if (this.#sending === QUEUED) this.#flush()
  }

  // A turn, or a timer, may come to it after all has failed.
  #flush() {
    if (!this.#isClosed && this.#sending !== BROKEN) this.#progress(native.flushChannel(reactor.open(), this.#token))
  }

  // Of those that can't be sent, whatever else can.
  #failed() {
    let state = FAILED
    while (state === FAILED) {
      this.#sends.resolve(native.messagesSent(reactor.open(), this.#token))
      this.#sends.reject(this.#failureToSend(), 1)
      state = native.flushChannel(reactor.open(), this.#token)
    }
    return state
  }

  #progress(reached) {
    const state = reached === FAILED ? this.#failed() : reached
    this.#sending = state
    if (state === SENT) this.#sends.resolve()
    else this.#sends.resolve(native.messagesSent(reactor.open(), this.#token))
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
      native.throwFailure(reactor.open(), this.#token)
    } catch (error) {
      return error
    }
  }

  // ── Receiving ──

  #ready(receive, send) {
    if (send) this.#flush()
    if (receive && !this.#isClosed) this.#receive()
  }

  #receive() {
    try {
      const incoming = native.receiveMessages(reactor.open(), this.#token, this.#serialization.isText)
      if (incoming.frames.length > 0) this.#batch = new Batch(incoming, this.#serialization.decode)
      this.#end ??= incoming.end
    } catch (error) {
      this.#finish(error)
      return
    }
    this.#pump()
  }

  // Hands out what there is, to whoever takes it.
  #pump() {
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      while (this.#batch && this.#isTaken()) this.#deliver()
    } finally {
      this.#isPumping = false
      // A listener has thrown.
      if (this.#batch && this.#isTaken()) setImmediate(() => this.#pump())
      this.#settled()
    }
  }

  #isTaken() {
    return !this.#isPaused && (this.#hasListener || this.#readers.length > 0)
  }

  // Also by one who pauses, or is between one message and the next.
  #isWanted() {
    return this.#hasListener || this.#iterations.size > 0
  }

  #deliver() {
    const batch = this.#batch
    let next
    try {
      next = batch.take()
    } catch (error) {
      this.#finish(errors.messageInvalid(error))
      return
    }
    if (batch.isEmpty) this.#batch = undefined
    if (next.handles.length === 0) return this.#tellMessage(next)
    // A copy: the list is the listener's.
    const handles = next.handles.slice()
    try {
      this.#tellMessage(next)
    } finally {
      // Most of them are taken or closed by now: to guard one takes longer than to receive it.
      guard(handles)
    }
  }

  #tellMessage(next) {
    if (this.#readers.length > 0) this.#readers.shift().resolve({ value: next, done: false })
    else this.emit('message', next.message, next.handles)
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
    if (this.#end !== undefined && !this.#batch) {
      this.#endRead()
      if (this.#isClosed) return
    }
    if (this.#closing && !this.#isShutDown && this.#sends.size === 0) {
      this.#isShutDown = true
      native.shutDownChannel(reactor.open(), this.#token)
    }
    // Where both ends close, each has to read for the other to be rid of what is queued.
    const isRead = this.#isTaken() || this.#closing !== undefined
    this.#read(isRead && !this.#batch && this.#end === undefined)
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
    native.readChannel(reactor.open(), this.#token, yes)
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
    native.closeSocket(reactor.open(), this.#token)
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

  destroy(error) {
    if (error !== undefined && !(error instanceof Error)) {
      throw errors.invalidArgType('error', 'an instance of Error', error)
    }
    this.#finish(error)
  }
}

// The descriptor of one thing to send, or those of several.
function descriptorsOf(handles) {
  if (!Array.isArray(handles)) return descriptorToSend(handles, 'handles')
  const fds = []
  for (let index = 0; index < handles.length; index++) fds.push(descriptorToSend(handles[index], 'handles', index))
  // Only now: of holes there can be more than there is memory.
  return new Int32Array(fds)
}

// `forget` is called when the descriptor is another one's to have.
const channelOf = (fd, options, forget) => new Channel(OWN, fd, options, forget)

module.exports = { Channel, channelOf, descriptorsOf }
