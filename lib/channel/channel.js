'use strict'

// Messages and handles over a Unix stream socket. The bytes are src/channel's; here are promises, events and who reads.

const { Batch } = require('./received-batch.js')
const errors = require('../core/errors.js')
const { makeInspectable } = require('../core/make-inspectable.js')
const { Iteration, OVER } = require('./iteration.js')
const { Listened } = require('./listened-emitter.js')
const native = require('../core/native.js')
const reactor = require('../core/reactor.js')
const { isError } = require('../core/realm.js')
const { Resource } = require('../core/async-resource.js')
const { newPending, PendingSends } = require('./pending-sends.js')
const serializations = require('./serialization.js')
const { requireStack } = require('../core/stack.js')
const { descriptorsToSend } = require('../descriptor/sendable.js')
const turn = require('./end-of-turn.js')

// Known to this package only, so that nobody makes a Channel of a socket that is somebody else's.
const OWN = Symbol('owned channel')

const { Crowded: CROWDED, Failed: FAILED, Broken: BROKEN } = native.SendState

// Of so many descriptors as the native half receives at once, how often in a turn: the others are to have theirs.
const BATCHES = 4

// After how many milliseconds one looks again whether descriptors in flight have been received: nothing tells.
const CROWD_PAUSE = 2

let fieldsOf

class Channel extends Listened {
  // Listeners run in the context that the channel was made in, as the listeners of net.Socket do.
  #resource = new Resource('PROCNATIVECHANNEL', () => this.#isHolding)
  #reactor
  #token
  #longestText
  #encode
  #decode
  #peer
  #sends = new PendingSends()
  #isInTurn = false
  // True until the first message of the turn is sent: only that message does not wait for others.
  #isFirst = true
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
  // True after close() or destroy(), but not after the peer's end.
  #isClosedHere = false
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
    const { longestText, encode, decode } = serializations[serialization]
    this.#longestText = longestText
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
  send(message, handles, callback) {
    try {
      if (callback !== undefined) throw errors.invalidArgType('callback', 'absent: send() returns a promise', callback)
      return this.#dispatch(this.#encode(message), handles)
    } catch (error) {
      return this.#refuse(error)
    }
  }

  // The 'close' event reports the peer's end, too. A dropped promise must not end the program for it.
  #refuse(error) {
    const refused = Promise.reject(error)
    const isGone = error?.syscall === 'sendmsg' && isPeersEnd(error)
    if (isGone || (this.#isEnding && !this.#isClosedHere)) refused.catch(ignore)
    return refused
  }

  #dispatch(payload, handles) {
    const fds = descriptorsToSend(handles, 'handles')
    if (this.#isEnding) throw errors.channelClosed()
    if (!this.#isInTurn) this.#beginTurn()
    const pending = newPending()
    // The stack overflowed in the executor, so that the promise is rejected already.
    if (pending.resolve === undefined) return pending.promise
    const count = native.sendMessage(this.#reactor, this.#token, payload, fds, this.#isFirst)
    // The native half has the message. Call nothing before the promise is stored: a call could overflow the stack.
    this.#isFirst = false
    const { waiting } = this.#sends
    waiting[waiting.length] = pending
    if (count > this.#sends.count) this.#sends.resolve(count)
    return pending.promise
  }

  // The last turn has no end, so each message is sent at once.
  #beginTurn() {
    if (turn.atEnd(this.#endTurn)) this.#isInTurn = true
    else this.#endTurn()
    this.#isFirst = true
  }

  #endTurn = () => {
    this.#isInTurn = false
    if (this.#isClosed) return
    try {
      if (this.#sends.size > 0) this.#progress(native.endTurn(this.#reactor, this.#token))
    } catch (error) {
      this.#finish(error)
      return
    }
    this.#settled()
  }

  // May run after the channel closed: from an event, or from the retry timer.
  #flush() {
    if (this.#isClosed) return
    this.#progress(native.flushChannel(this.#reactor, this.#token))
    this.#settled()
  }

  #progress(report) {
    let { state, count, failure } = report
    this.#sends.resolve(count)
    // Reject each message that can't be sent, and go on with the next.
    while (state === FAILED) {
      if (failure) this.#sends.reject(failure)
      ;({ state, count, failure } = native.flushChannel(this.#reactor, this.#token))
      this.#sends.resolve(count)
    }
    if (state === CROWDED) this.#retry ??= setTimeout(() => this.#tryAgain(), CROWD_PAUSE)
    if (state === BROKEN && failure) this.#break(failure)
  }

  #tryAgain() {
    this.#retry = undefined
    this.#flush()
  }

  // EPIPE and ECONNRESET: the reading side sees the peer's end, and closes. Any other error leaves half a message: close now.
  #break(error) {
    this.#sends.abandon(error)
    if (!isPeersEnd(error)) this.#finish(error)
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
      incoming = native.receiveMessages(this.#reactor, this.#token, this.#longestText)
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
      this.#resource.runInAsyncScope(this.#handOut, this)
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
      native.shutDownChannel(this.#reactor, this.#token)
      this.#isShutDown = true
    }
    // Where both ends close, each has to read for the other to be rid of what is queued.
    const isRead = this.#isTaken() || this.#closing !== undefined
    this.#read(isRead && !this.#batch && this.#end === null)
    // Queued messages keep the process alive, even after unref(), as in child_process.
    this.#hold(this.#sends.size > 0 || (this.#isRef && (this.#isRead || this.#closing !== undefined)))
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
    native.readChannel(this.#reactor, this.#token, yes)
    this.#isRead = yes
  }

  #hold(yes) {
    if (this.#isHolding === yes) return
    reactor.hold(yes ? +1 : -1)
    this.#isHolding = yes
  }

  // Closes now. `isGiven`: the program passed the error to destroy().
  #finish(error, isGiven = false) {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isEnding = true
    clearTimeout(this.#retry)
    reactor.forget(this.#token)
    native.closeSocket(this.#reactor, this.#token)
    this.#hold(false)
    this.#forget()
    if (this.#batch) this.#drop()
    this.#sends.abandon(error ?? errors.channelClosed())
    if (error) this.#tell(error, isGiven)
    for (const iteration of this.#iterations) iteration.end()
    process.nextTick(() => {
      this.#closed?.()
      this.#emit('close')
    })
    this.#resource.emitDestroy()
  }

  // Throws the error into `for await` loops. Emits 'error' only if there is no loop, or if there is a listener. An error that
  // the peer can cause is only a warning if there is neither: a peer must not end the process.
  #tell(error, isGiven) {
    const isTold = this.#iterations.size > 0 && this.listenerCount('error') === 0
    for (const iteration of this.#iterations) iteration.fail(error)
    if (isTold) return
    process.nextTick(() => {
      if (isGiven || this.listenerCount('error') > 0) this.#emit('error', error)
      else process.emitWarning(error)
    })
  }

  #emit(...event) {
    this.#resource.runInAsyncScope(this.emit, this, ...event)
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
    if (batch?.hasBare && !this.#isPaused && !this.#isPumping && !this.#hasListener && this.#readers.length === 0) {
      const result = { value: undefined, done: false }
      const promise = Promise.resolve(result)
      result.value = batch.takeBare()
      if (result.value) return promise
    }
    requireStack()
    return undefined
  }

  pause() {
    requireStack()
    this.#isPaused = true
    this.#settled()
    return this
  }

  resume() {
    requireStack()
    this.#isPaused = false
    if (this.#batch) process.nextTick(() => this.#pump())
    this.#settled()
    return this
  }

  ref() {
    requireStack()
    this.#isRef = true
    this.#settled()
    return this
  }

  unref() {
    requireStack()
    this.#isRef = false
    this.#settled()
    return this
  }

  close() {
    if (this.#isClosed) return Promise.resolve()
    requireStack()
    this.#isEnding = true
    this.#isClosedHere = true
    this.#closing ??= new Promise((resolve) => {
      this.#closed = resolve
    })
    this.#settled()
    return this.#closing
  }

  [Symbol.asyncDispose]() {
    // `this.close` could be a method of another class: asyncDispose may be called on any object.
    return Channel.prototype.close.call(this)
  }

  destroy(error) {
    if (error !== undefined && !isError(error)) {
      throw errors.invalidArgType('error', 'an instance of Error', error)
    }
    requireStack()
    this.#isClosedHere = true
    this.#finish(error, true)
  }
}

makeInspectable(Channel, fieldsOf)

const ignore = () => {}

const isPeersEnd = ({ code }) => code === 'EPIPE' || code === 'ECONNRESET'

// `forget` is called when the descriptor is another one's to have.
const channelOf = (fd, options, forget) => new Channel(OWN, fd, options, forget)

module.exports = { Channel, channelOf }
