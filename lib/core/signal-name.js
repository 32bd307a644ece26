'use strict'

const { signals } = require('node:os').constants

// Range of the real-time signals for programs, from signal(7). glibc uses the two signals below it.
const SIGRTMIN = 34
const SIGRTMAX = 64

const signalNames = [...Object.keys(signals), 'SIGRTMIN']

// Returns the name of a signal. Uses the names of kill(1) for real-time signals, because Node has none.
function signalName(number) {
  const name = Object.keys(signals).find((known) => signals[known] === number)
  if (name !== undefined) return name
  if (number < SIGRTMIN) return `SIG${number}`
  return number === SIGRTMIN ? 'SIGRTMIN' : `SIGRTMIN+${number - SIGRTMIN}`
}

// Returns the number of a signal; undefined if no signal has this name.
function signalNumber(name) {
  if (Object.hasOwn(signals, name)) return signals[name]
  const match = /^SIGRTMIN(?:\+([1-9]\d?))?$/.exec(name)
  if (match === null) return undefined
  const number = SIGRTMIN + Number(match[1] ?? 0)
  return number <= SIGRTMAX ? number : undefined
}

module.exports = { signalName, signalNames, signalNumber }
