'use strict'

// Load the native half first: without it, `require` must throw.
require('./lib/core/native.js')
require('./lib/core/process-start.js')
// Load this before a program can start children: wait() can't tell earlier children of child_process from other children.
require('./lib/process/runtime-children.js')

// Each file is loaded at the first call of one of its functions. So `require` takes no longer than the load of the binary.
const channels = () => require('./lib/channel/open.js')
const channelServer = () => require('./lib/channel/server.js')
const daemon = () => require('./lib/daemon/daemonize.js')
const descriptors = () => require('./lib/descriptor/fd-calls.js')
const fork = () => require('./lib/channel/fork.js')
const orphans = () => require('./lib/process/orphans.js')
const pidFile = () => require('./lib/daemon/pid-file.js')
const processes = () => require('./lib/process/process.js')
const sendFds = () => require('./lib/socket/send-fds.js')
const session = () => require('./lib/process/session.js')
const spawn = () => require('./lib/process/spawn.js')
const spawnDaemon = () => require('./lib/daemon/spawn-daemon.js')
const systemd = () => require('./lib/daemon/systemd.js')
const unix = () => require('./lib/socket/listen-unix.js')
const wait = () => require('./lib/process/wait.js')

// Returns a function that loads its implementation at its first call.
function lazy(subject, name) {
  let implementation
  const call = (...args) => {
    implementation ??= subject()[name]
    return implementation(...args)
  }
  return Object.defineProperty(call, 'name', { __proto__: null, value: name })
}

// Getters of the classes, which are loaded at the first read.
const classes = {
  Channel: () => require('./lib/channel/channel.js').Channel,
  ChannelServer: () => channelServer().ChannelServer,
  Handle: () => require('./lib/descriptor/handle.js').Handle,
  Process: () => processes().Process,
}

// Like lazy(), for a function that returns a promise. A failed load rejects the promise, too: it needs a descriptor (EMFILE).
function lazyPromise(subject, name) {
  const call = lazy(subject, name)
  return Object.defineProperty(async (...args) => call(...args), 'name', { __proto__: null, value: name })
}

// Written out: Node's CommonJS lexer finds the names for `import { setsid } from 'procnative'` only in `exports.setsid =`.
exports.setsid = lazy(session, 'setsid')
exports.getsid = lazy(session, 'getsid')
exports.getpgid = lazy(session, 'getpgid')
exports.setpgid = lazy(session, 'setpgid')
exports.tcgetpgrp = lazy(session, 'tcgetpgrp')
exports.tcsetpgrp = lazy(session, 'tcsetpgrp')
exports.tcgetsid = lazy(session, 'tcgetsid')
exports.controllingTerminal = lazy(session, 'controllingTerminal')
exports.setChildSubreaper = lazy(session, 'setChildSubreaper')
exports.isChildSubreaper = lazy(session, 'isChildSubreaper')
exports.setParentDeathSignal = lazy(session, 'setParentDeathSignal')
exports.daemonize = lazy(daemon, 'daemonize')
exports.spawnDaemon = lazyPromise(spawnDaemon, 'spawnDaemon')
exports.daemonStatus = lazy(pidFile, 'daemonStatus')
exports.stopDaemon = lazyPromise(pidFile, 'stopDaemon')
exports.listenUnix = lazy(unix, 'listenUnix')
exports.listenFds = lazy(systemd, 'listenFds')
exports.notify = lazy(systemd, 'notify')
exports.spawn = lazy(spawn, 'spawn')
exports.openProcess = lazy(processes, 'openProcess')
exports.waitpid = lazy(wait, 'waitpid')
exports.wait = lazyPromise(wait, 'wait')
exports.reapOrphans = lazy(orphans, 'reapOrphans')
exports.protect = lazy(orphans, 'protect')
exports.channel = lazy(channels, 'channel')
exports.sendHandle = lazyPromise(channels, 'sendHandle')
exports.connectChannel = lazyPromise(channels, 'connectChannel')
exports.listenChannel = lazyPromise(channelServer, 'listenChannel')
exports.fork = lazy(fork, 'fork')
exports.parentChannel = lazy(fork, 'parentChannel')
exports.socketpair = lazy(sendFds, 'socketpair')
exports.sendFds = lazy(sendFds, 'sendFds')
exports.recvFds = lazy(sendFds, 'recvFds')
exports.dup = lazy(descriptors, 'dup')
exports.dup2 = lazy(descriptors, 'dup2')
exports.setCloseOnExec = lazy(descriptors, 'setCloseOnExec')
exports.openFds = lazy(descriptors, 'openFds')
// For the lexer, too. The getters below replace these values.
exports.Channel = undefined
exports.ChannelServer = undefined
exports.Handle = undefined
exports.Process = undefined
for (const name of Object.keys(classes))
  Object.defineProperty(exports, name, { __proto__: null, get: classes[name], enumerable: true })
