'use strict'

// The sending half of a channel: promises of messages that the native half sends or queues.

const debug = require('../core/debug.js')
const native = require('../core/native.js')
const { atEnd } = require('./end-of-turn.js')
const { newPending, PendingSends } = require('./pending-sends.js')

const { Crowded: CROWDED, Failed: FAILED, Broken: BROKEN } = native.SendState

// Retry interval in ms when too many descriptors are in flight. The kernel sends no event when the peer receives them.
const RETRY_INTERVAL_MS = 2

class Outbox {
  #reactor
  #token
  #changed
  #failed
  #sends = new PendingSends()
  #isInTurn = false
  // True until the first message of the turn is sent. Only that message does not wait for further messages.
  #isFirst = true
  #retry
  #isClosed = false

  // `changed()` is called after messages were sent; `failed(error)` if the channel must close at once.
  constructor(reactor, token, changed, failed) {
    this.#reactor = reactor
    this.#token = token
    this.#changed = changed
    this.#failed = failed
  }

  get isEmpty() {
    return this.#sends.size === 0
  }

  // Sends or queues a message. Returns its promise.
  send(payload, fds) {
    if (!this.#isInTurn) this.#beginTurn()
    const pending = newPending()
    // The stack overflowed in newPending(), so the promise is already rejected.
    if (pending.resolve === undefined) return pending.promise
    const count = native.sendMessage(this.#reactor, this.#token, payload, fds, this.#isFirst)
    // The native half has the message. Call nothing before the promise is stored: a call could overflow the stack.
    this.#isFirst = false
    const sends = this.#sends
    sends.waiting[sends.waiting.length] = pending
    if (count > sends.count) sends.resolve(count)
    return pending.promise
  }

  // The last turn has no end, so each message is sent at once.
  #beginTurn() {
    if (atEnd(this.#endTurn)) this.#isInTurn = true
    else this.#endTurn()
    this.#isFirst = true
  }

  #endTurn = () => {
    this.#isInTurn = false
    if (this.isEmpty) this.#changed()
    else this.#progress(native.endTurn)
  }

  // Sends queued messages. May be called after close(): by an event, or by the retry timer.
  flush() {
    if (!this.#isClosed) this.#progress(native.flushChannel)
  }

  // `send` is a native function that sends queued messages.
  #progress(send) {
    try {
      this.#settle(send(this.#reactor, this.#token))
    } catch (error) {
      this.#failed(error)
      return
    }
    this.#changed()
  }

  #settle(report) {
    let { state, count, failure } = report
    if (debug.isOn) debug.log('channel %d: %d messages sent so far, state %s', this.#token, count, nameOf(state))
    this.#sends.resolve(count)
    // Reject each message that can't be sent, and go on with the next.
    while (state === FAILED) {
      if (failure) this.#sends.reject(failure)
      ;({ state, count, failure } = native.flushChannel(this.#reactor, this.#token))
      this.#sends.resolve(count)
    }
    if (state === CROWDED) this.#retry ??= setTimeout(this.#tryAgain, RETRY_INTERVAL_MS)
    if (state === BROKEN && failure) this.#break(failure)
  }

  #tryAgain = () => {
    this.#retry = undefined
    this.flush()
  }

  // EPIPE and ECONNRESET: the reading side sees the peer's end, and closes. Any other error leaves half a message: close now.
  #break(error) {
    this.#sends.abandon(error)
    if (!isPeersEnd(error)) this.#failed(error)
  }

  // Rejects the promises of all queued messages.
  close(error) {
    this.#isClosed = true
    clearTimeout(this.#retry)
    this.#sends.abandon(error)
  }
}

// Returns the name of a send state for the debug log.
const nameOf = (state) => Object.keys(native.SendState).find((name) => native.SendState[name] === state)

// Returns true for an error of sendmsg(2) that means: the peer is gone.
const isPeersEnd = ({ code }) => code === 'EPIPE' || code === 'ECONNRESET'

module.exports = { isPeersEnd, Outbox }
