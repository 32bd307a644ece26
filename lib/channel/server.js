'use strict'

// listenChannel(): a listening Unix socket whose connections become channels.

const { EventEmitter } = require('node:events')
const fs = require('node:fs')
const { isPromise } = require('node:util/types')
const { CHECKS, open } = require('./open.js')
const errors = require('../core/errors.js')
const { makeInspectable } = require('../core/make-inspectable.js')
const native = require('../core/native.js')
const reactor = require('../core/reactor.js')
const { isError } = require('../core/realm.js')
const { Resource } = require('../core/async-resource.js')
const { requireStack } = require('../core/stack.js')
const { addressOf, listenUnix } = require('../socket/listen-unix.js')
const validate = require('../core/validate.js')

// Not exported, so that only procnative can construct a ChannelServer.
const OWN = Symbol('owned server')

// Time in ms until the next accept(2) after a failed one, for example with EMFILE. The kernel sends no event when a descriptor
// becomes free.
const RETRY_INTERVAL_MS = 100

const SERVER_CHECKS = { ...CHECKS, mode: validate.fileMode, authorize: validate.callback }

let fieldsOf

class ChannelServer extends EventEmitter {
  // Listeners run in the context of listenChannel(), as net.Server runs its listeners in the context of listen().
  // The channels are made in the same context, so their listeners run there too.
  #resource = new Resource('PROCNATIVECHANNELSERVER', () => !this.#isClosed)
  #path
  #token
  #authorize
  #options
  #pause
  #isClosed = false

  static {
    fieldsOf = (server) => (#token in server ? { path: server.#path, closed: server.#isClosed } : undefined)
  }

  constructor(key, fd, path, authorize, options) {
    if (key !== OWN) throw errors.illegalConstructor()
    super()
    this.#path = path
    this.#authorize = authorize
    this.#options = options
    this.#token = native.openListener(reactor.open(), fd)
    reactor.register(this.#token, { ready: () => this.#resource.runInAsyncScope(this.#accept, this) })
    reactor.hold(+1)
  }

  get path() {
    return this.#path
  }

  #accept() {
    let fds
    try {
      fds = native.accept(reactor.open(), this.#token)
    } catch (error) {
      this.#wait(error)
      return
    }
    for (const fd of fds) {
      try {
        this.#welcome(fd)
      } catch (error) {
        // A listener has thrown. Hand out the other connections first.
        process.nextTick(reactor.rethrow, error)
      }
    }
  }

  #welcome(fd) {
    if (this.#isClosed || !this.#isAuthorized(fd)) {
      native.close(fd)
      return
    }
    let channel
    try {
      channel = open(fd, this.#options)
    } catch (error) {
      this.#complain(error)
      return
    }
    this.emit('connection', channel)
  }

  // An error concerns this connection only. The other connections accepted with it are let in.
  #isAuthorized(fd) {
    try {
      const answer = this.#authorize(native.peerOf(fd))
      // A promise is a refusal. Report its rejection too.
      if (isPromise(answer)) answer.catch((error) => this.#complain(error))
      if (typeof answer !== 'boolean') throw errors.notAuthorized(answer)
      return answer
    } catch (error) {
      this.#complain(error)
      return false
    }
  }

  // Stops accepting for a while. New connections wait in the backlog.
  #wait(error) {
    native.watchListener(reactor.open(), this.#token, false)
    this.#pause = setTimeout(() => native.watchListener(reactor.open(), this.#token, true), RETRY_INTERVAL_MS)
    this.#complain(error)
  }

  // Reports an error by 'error', or by a warning without a listener. The server goes on.
  #complain(error) {
    if (this.listenerCount('error') > 0) process.nextTick(() => this.emit('error', error))
    else process.emitWarning(isError(error) ? error : String(error))
  }

  async close() {
    if (this.#isClosed) return
    requireStack()
    this.#isClosed = true
    clearTimeout(this.#pause)
    reactor.forget(this.#token)
    native.closeSocket(reactor.open(), this.#token)
    reactor.hold(-1)
    process.nextTick(() => this.#resource.runInAsyncScope(this.emit, this, 'close'))
    this.#resource.emitDestroy()
  }

  [Symbol.asyncDispose]() {
    // `this.close` could be a method of another class: asyncDispose may be called on any object.
    return ChannelServer.prototype.close.call(this)
  }
}

makeInspectable(ChannelServer, fieldsOf)

// The default of `authorize`: accepts root and the own user.
const isOwnUserOrRoot = ({ uid }) => uid === 0 || (uid === process.geteuid() && uid !== unmappedUid())

// The kernel's default. /proc/sys can be hidden, as by ProcSubset=pid in a systemd unit.
const DEFAULT_OVERFLOW_UID = 65_534

let unmapped

// Returns the uid that stands for all users without a uid in this user namespace, user_namespaces(7). Returns null if each
// user has one.
function unmappedUid() {
  if (unmapped === undefined) {
    const hasAll = /^\s*0\s+0\s+4294967295\s*$/.test(fs.readFileSync('/proc/self/uid_map', 'utf8'))
    unmapped = hasAll ? null : readOverflowUid()
  }
  return unmapped
}

function readOverflowUid() {
  try {
    return Number(fs.readFileSync('/proc/sys/kernel/overflowuid', 'utf8'))
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return DEFAULT_OVERFLOW_UID
  }
}

function serverOf(handle, path, ...rest) {
  try {
    const server = new ChannelServer(OWN, handle.fd, path, ...rest)
    handle.take()
    return server
  } catch (error) {
    handle.close()
    // No peer knows the path yet.
    if (!addressOf(path).isAbstract) fs.rmSync(path, { force: true })
    throw error
  }
}

async function listenChannel(path, ...rest) {
  requireStack()
  const [options, listener] = typeof rest[0] === 'function' && rest[1] === undefined ? [undefined, rest[0]] : rest
  const given = validate.options(options, 'options', SERVER_CHECKS)
  const { mode, authorize = isOwnUserOrRoot, ...channelOptions } = given
  if (listener !== undefined) validate.callback(listener, 'listener')
  const handle = listenUnix(path, { __proto__: null, mode })
  const server = serverOf(handle, path, authorize, channelOptions)
  if (listener) server.on('connection', listener)
  return server
}

module.exports = { ChannelServer, listenChannel }
