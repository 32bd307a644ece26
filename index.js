'use strict'

// The native half first: without it, `require` is to say so.
require('./lib/core/native.js')
require('./lib/core/process-start.js')
// From now on: a child of child_process that it has not heard of looks like anybody's.
require('./lib/process/runtime-children.js')

// A subject's file is loaded at the first call of one of its functions: to require procnative takes no longer than
// to load its binary.
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

function lazy(subject, name) {
  let implementation
  const call = (...args) => {
    implementation ??= subject()[name]
    return implementation(...args)
  }
  return Object.defineProperty(call, 'name', { __proto__: null, value: name })
}

const classes = {
  Channel: () => require('./lib/channel/channel.js').Channel,
  ChannelServer: () => channelServer().ChannelServer,
  Handle: () => require('./lib/descriptor/handle.js').Handle,
  Process: () => processes().Process,
}

// A promise, whatever comes in between: to load a file takes a descriptor, too.
function lazyPromise(subject, name) {
  const call = lazy(subject, name)
  return Object.defineProperty(async (...args) => call(...args), 'name', { __proto__: null, value: name })
}

// One by one: it is by these words that `import { setsid } from 'procnative'` finds its names.
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
// Classes, too, when they are asked for.
exports.Channel = undefined
exports.ChannelServer = undefined
exports.Handle = undefined
exports.Process = undefined
for (const name of Object.keys(classes))
  Object.defineProperty(exports, name, { __proto__: null, get: classes[name], enumerable: true })
