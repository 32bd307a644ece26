'use strict'

const { daemonize } = require('./lib/daemon.js')
const { Handle } = require('./lib/handle.js')
const {
  setsid,
  getsid,
  getpgid,
  setpgid,
  tcgetpgrp,
  tcsetpgrp,
  tcgetsid,
  controllingTerminal,
  setChildSubreaper,
  isChildSubreaper,
  setParentDeathSignal,
} = require('./lib/session.js')

// Spelled out: it is by these words that `import { setsid } from 'procnative'` finds its names.
module.exports = {
  setsid,
  getsid,
  getpgid,
  setpgid,
  tcgetpgrp,
  tcsetpgrp,
  tcgetsid,
  controllingTerminal,
  setChildSubreaper,
  isChildSubreaper,
  setParentDeathSignal,
  daemonize,
  Handle,
}
