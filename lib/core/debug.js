'use strict'

// What procnative does, for two readers: NODE_DEBUG=procnative prints lines to standard error, and the channels of
// node:diagnostics_channel hand events to other tools. docs/debugging.md describes both.

const { channel } = require('node:diagnostics_channel')
const { debuglog } = require('node:util')

const print = debuglog('procnative')

/** Whether to print. Check it before a call of log(), so that a log that is off costs a boolean. */
const isOn = print.enabled

// Held here, because Node.js keeps only channels with subscribers.
const events = {
  __proto__: null,
  spawn: channel('procnative:spawn'),
  exit: channel('procnative:exit'),
  send: channel('procnative:send'),
  receive: channel('procnative:receive'),
}

/** Prints a line, formatted by util.format(). */
function log(...line) {
  print(...line)
}

/** Reports a new process. `file` is a string or bytes. */
function spawned(pid, file, args) {
  if (isOn) log('spawn: process %d runs %O', pid, file)
  if (events.spawn.hasSubscribers) events.spawn.publish({ pid, file, args })
}

/** Whether exited() has a reader. */
const reportsExits = () => isOn || events.exit.hasSubscribers

/** Reports the status of a process that has ended. Check reportsExits() first. */
function exited(status) {
  if (isOn) log('exit: %s', described(status))
  if (events.exit.hasSubscribers) events.exit.publish(status)
}

/** Words the status of a process. */
function described({ pid, state, exitCode, signal }) {
  return `process ${pid} ${state}${exitCode === null ? '' : ` with code ${exitCode}`}${signal === null ? '' : ` by ${signal}`}`
}

module.exports = { described, events, exited, isOn, log, reportsExits, spawned }
