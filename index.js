'use strict'

// The native half first: without it, `require` is to say so.
require('./lib/native.js')
require('./lib/start.js')

// A subject's file is loaded at the first call of one of its functions: to require procnative takes no longer than
// to load its binary.
const daemon = () => require('./lib/daemon.js')
const pidFile = () => require('./lib/pid-file.js')
const session = () => require('./lib/session.js')
const spawnDaemon = () => require('./lib/spawn-daemon.js')
const systemd = () => require('./lib/systemd.js')
const unix = () => require('./lib/unix.js')

function lazy(subject, name) {
  let implementation
  const call = (...args) => {
    implementation ??= subject()[name]
    return implementation(...args)
  }
  return Object.defineProperty(call, 'name', { value: name })
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
exports.spawnDaemon = lazy(spawnDaemon, 'spawnDaemon')
exports.daemonStatus = lazy(pidFile, 'daemonStatus')
exports.stopDaemon = lazy(pidFile, 'stopDaemon')
exports.listenUnix = lazy(unix, 'listenUnix')
exports.listenFds = lazy(systemd, 'listenFds')
exports.notify = lazy(systemd, 'notify')
exports.Handle = require('./lib/handle.js').Handle
