'use strict'

// The public channel: messages and handles over a Unix stream socket. outbox.js sends and inbox.js receives.

const debug = require('../core/debug.js')
const errors = require('../core/errors.js')
const { makeInspectable } = require('../core/make-inspectable.js')
const { Inbox } = require('./inbox.js')
const { Listened } = require('./listened-emitter.js')
const native = require('../core/native.js')
const { isPeersEnd, Outbox } = require('./outbox.js')
const { newPending } = require('./pending-sends.js')
const reactor = require('../core/reactor.js')
const { isError } = require('../core/realm.js')
const { Resource } = require('../core/async-resource.js')
const serializations = require('./serialization.js')
const { requireStack } = require('../core/stack.js')
const { descriptorsToSend } = require('../descriptor/descriptors-to-send.js')

// Not exported, so that only procnative can construct a Channel.
const OWN = Symbol('owned channel')

// The phases of a channel, in their order. PHASES has their names for the debug log.
const OPEN = 0
// The peer has ended the stream. The channel closes when its queue is sent.
const PEER_ENDED = 1
// close() was called. The queue is not sent yet.
const CLOSING = 2
// The queue is sent. The channel waits for the peer's end.
const SHUT_DOWN = 3
// Closed by the peer's end or by an error.
const LOST = 4
// Closed by close() or destroy().
const CLOSED = 5
const PHASES = ['open', 'ended by the peer', 'closing', 'shut down', 'closed by the peer or an error', 'closed']

const { Closed: PEERS_END } = native.StreamEnd

let fieldsOf

class Channel extends Listened {
  // Listeners run in the context in which the channel was made, like listeners of net.Socket.
  #resource = new Resource('PROCNATIVECHANNEL', () => this.#isHolding)
  #token
  #peer
  #encode
  #inbox
  #outbox
  #phase = OPEN
  #isRef = true
  #isHolding = false
  // The promise of close().
  #closing
  #forget

  static {
    fieldsOf = (channel) => (#token in channel ? { peer: channel.#peer ?? null, closed: channel.closed } : undefined)
  }

  constructor(key, fd, options, forget) {
    if (key !== OWN) throw errors.illegalConstructor()
    const { serialization, maxMessageLength, maxHandles } = options
    super(() => this.#listenersChanged())
    this.#forget = forget
    const chosen = serializations[serialization]
    this.#encode = chosen.encode
    this.#peer = native.peerOf(fd)
    const number = reactor.open()
    const token = native.openChannel(number, fd, maxMessageLength, maxHandles)
    const update = () => this.#update()
    const finish = (error) => this.#finish(error)
    if (debug.isOn) debug.log('channel %d: open on descriptor %d', token, fd)
    this.#token = token
    this.#inbox = new Inbox(number, token, chosen, this, this.#resource, update, finish)
    this.#outbox = new Outbox(number, token, update, finish)
    reactor.register(token, { ready: (receive, send) => this.#ready(receive, send) })
  }

  get peer() {
    return this.#peer ?? null
  }

  get closed() {
    return this.#phase >= LOST
  }

  send(message, handles, callback) {
    try {
      if (callback !== undefined) throw errors.invalidArgType('callback', 'absent: send() returns a promise', callback)
      const payload = this.#encode(message)
      if (debug.reportsSends()) this.#reportSend(message, handles)
      const fds = descriptorsToSend(handles, 'handles')
      if (this.#phase !== OPEN) throw errors.channelClosed()
      return this.#outbox.send(payload, fds)
    } catch (error) {
      return this.#refuse(error)
    }
  }

  // Reports a message that can be sent. A subscriber may close the channel or a handle, so send() checks both afterwards.
  #reportSend(message, handles) {
    const count = descriptorsToSend(handles, 'handles')?.length ?? 0
    if (this.#phase === OPEN) debug.sent(this.#token, this, message, handles, count)
  }

  // The 'close' event reports the peer's end, too. A dropped promise must not end the program for it.
  #refuse(error) {
    const refused = Promise.reject(error)
    const isGone = error?.syscall === 'sendmsg' && isPeersEnd(error)
    if (isGone || this.#phase === PEER_ENDED || this.#phase === LOST) refused.catch(ignore)
    return refused
  }

  #ready(receive, send) {
    if (send) this.#outbox.flush()
    if (receive) this.#inbox.receive()
  }

  #listenersChanged() {
    this.#inbox.listen(this.listenerCount('message') > 0)
    this.#update()
  }

  // Derives from the state of both halves: close? read? keep the event loop alive? Call it after every change.
  #update() {
    if (this.closed) return
    if (this.#phase !== OPEN) this.#inbox.discardUnwanted()
    if (this.#inbox.end !== null) {
      this.#endRead()
      if (this.closed) return
    }
    const isSent = this.#outbox.isEmpty
    if (this.#phase === CLOSING && isSent) {
      native.shutDownChannel(reactor.open(), this.#token)
      this.#enter(SHUT_DOWN)
    }
    const isClosing = this.#phase >= CLOSING
    this.#inbox.read(isClosing)
    // Queued messages keep the process alive, even after unref(), as in child_process.
    this.#hold(!isSent || (this.#isRef && (this.#inbox.isRead || isClosing)))
  }

  // The peer has ended. The channel closes when its queue is sent.
  #endRead() {
    const { end } = this.#inbox
    if (end !== PEERS_END) return this.#finish(errors[end]())
    if (this.#phase === OPEN) this.#enter(PEER_ENDED)
    if (this.#outbox.isEmpty) this.#finish()
  }

  #enter(phase) {
    this.#phase = phase
    if (debug.isOn) debug.log('channel %d: %s', this.#token, PHASES[phase])
  }

  #hold(yes) {
    if (this.#isHolding === yes) return
    reactor.hold(yes ? +1 : -1)
    this.#isHolding = yes
  }

  // Closes now. `isGiven`: the program passed the error to destroy().
  #finish(error, isGiven = false) {
    if (this.closed) return
    this.#enter(isGiven || this.#phase >= CLOSING ? CLOSED : LOST)
    reactor.forget(this.#token)
    native.closeSocket(reactor.open(), this.#token)
    this.#hold(false)
    this.#forget()
    this.#inbox.close()
    this.#outbox.close(error ?? errors.channelClosed())
    if (error) this.#tell(error, isGiven)
    this.#inbox.endIterations()
    process.nextTick(() => {
      this.#closing?.resolve()
      this.#emit('close')
    })
    this.#resource.emitDestroy()
  }

  // Throws the error into `for await` loops. Emits 'error' only if there is no loop, or if there is a listener. An error that
  // the peer can cause is only a warning if there is neither: a peer must not end the process.
  #tell(error, isGiven) {
    const isTold = this.#inbox.isIterated && this.listenerCount('error') === 0
    this.#inbox.fail(error)
    if (isTold) return
    process.nextTick(() => {
      if (isGiven || this.listenerCount('error') > 0) this.#emit('error', error)
      else process.emitWarning(error)
    })
  }

  #emit(...event) {
    this.#resource.runInAsyncScope(this.emit, this, ...event)
  }

  on(event, listener) {
    // super.on() would also work on objects of other classes.
    if (!(#token in this)) throw new TypeError('Illegal invocation')
    return super.on(event, listener)
  }

  [Symbol.asyncIterator]() {
    return this.#inbox.iterate()
  }

  pause() {
    requireStack()
    this.#inbox.pause()
    this.#update()
    return this
  }

  resume() {
    requireStack()
    this.#inbox.resume()
    this.#update()
    return this
  }

  ref() {
    requireStack()
    this.#isRef = true
    this.#update()
    return this
  }

  unref() {
    requireStack()
    this.#isRef = false
    this.#update()
    return this
  }

  close() {
    if (this.closed) return Promise.resolve()
    requireStack()
    if (this.#phase < CLOSING) this.#enter(CLOSING)
    this.#closing ??= newPending()
    this.#update()
    return this.#closing.promise
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
    if (this.#phase === LOST) this.#phase = CLOSED
    this.#finish(error, true)
  }
}

makeInspectable(Channel, fieldsOf)

const ignore = () => {}

// `forget` is called when the channel no longer owns the descriptor.
const channelOf = (fd, options, forget) => new Channel(OWN, fd, options, forget)

module.exports = { Channel, channelOf }
