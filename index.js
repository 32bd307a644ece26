'use strict'

// The native half first: without it, `require` is to say so.
require('./lib/native.js')
require('./lib/start.js')
// From now on: a child of child_process that it has not heard of looks like anybody's.
require('./lib/children.js')

// A subject's file is loaded at the first call of one of its functions: to require procnative takes no longer than
// to load its binary.
const channels = () => require('./lib/channels.js')
const channelServer = () => require('./lib/channel-server.js')
const daemon = () => require('./lib/daemon.js')
const descriptors = () => require('./lib/descriptors.js')
const fork = () => require('./lib/fork.js')
const orphans = () => require('./lib/orphans.js')
const pidFile = () => require('./lib/pid-file.js')
const processes = () => require('./lib/process.js')
const session = () => require('./lib/session.js')
const spawn = () => require('./lib/spawn.js')
const spawnDaemon = () => require('./lib/spawn-daemon.js')
const systemd = () => require('./lib/systemd.js')
const unix = () => require('./lib/unix.js')
const wait = () => require('./lib/wait.js')

function lazy(subject, name) {
  let implementation
  const call = (...args) => {
    implementation ??= subject()[name]
    return implementation(...args)
  }
  return Object.defineProperty(call, 'name', { __proto__: null, value: name })
}

const classes = {
  Channel: () => require('./lib/channel.js').Channel,
  ChannelServer: () => channelServer().ChannelServer,
  Handle: () => require('./lib/handle.js').Handle,
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
exports.socketpair = lazy(descriptors, 'socketpair')
exports.sendFds = lazy(descriptors, 'sendFds')
exports.recvFds = lazy(descriptors, 'recvFds')
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
