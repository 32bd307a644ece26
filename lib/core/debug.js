'use strict'

// Reports the actions of procnative. NODE_DEBUG=procnative prints lines to standard error. The channels of
// node:diagnostics_channel pass events to other code. docs/debugging.md describes both.

const { channel } = require('node:diagnostics_channel')
const { debuglog } = require('node:util')

const print = debuglog('procnative')

/** True if log() prints. Check it before a call of log(), so that a log that is off costs a boolean. */
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

/** Returns true if exited() has a reader. */
const reportsExits = () => isOn || events.exit.hasSubscribers

/** Reports the status of a process that has ended. Check reportsExits() first. */
function exited(status) {
  if (isOn) log('exit: %s', describeStatus(status))
  if (events.exit.hasSubscribers) events.exit.publish(status)
}

/** Returns true if sent() has a reader. */
const reportsSends = () => isOn || events.send.hasSubscribers

/** Reports a message that a channel is about to send. `token` identifies the channel in the log. */
function sent(token, channel, message, handles, count) {
  if (isOn) log('channel %d: sends a message with %d handles', token, count)
  if (events.send.hasSubscribers) events.send.publish({ channel, message, handles })
}

/** Returns true if received() has a reader. */
const reportsReceives = () => isOn || events.receive.hasSubscribers

/** Reports a received message that a channel is about to hand out. */
function received(token, channel, message, handles) {
  if (isOn) log('channel %d: received a message with %d handles', token, handles.length)
  if (events.receive.hasSubscribers) events.receive.publish({ channel, message, handles })
}

// Returns the status of a process in words.
function describeStatus({ pid, state, exitCode, signal }) {
  return `process ${pid} ${state}${exitCode === null ? '' : ` with code ${exitCode}`}${signal === null ? '' : ` by ${signal}`}`
}

module.exports = { exited, isOn, log, received, reportsExits, reportsReceives, reportsSends, sent, spawned }
