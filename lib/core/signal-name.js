'use strict'

const { signals } = require('node:os').constants

// Real-time signals that a program may use. The C library keeps two for itself.
const SIGRTMIN = 34
const SIGRTMAX = 64

const signalNames = [...Object.keys(signals), 'SIGRTMIN']

// Real-time signals have no names in Node; these are kill(1)'s.
function signalName(number) {
  const name = Object.keys(signals).find((one) => signals[one] === number)
  if (name !== undefined) return name
  if (number < SIGRTMIN) return `SIG${number}`
  return number === SIGRTMIN ? 'SIGRTMIN' : `SIGRTMIN+${number - SIGRTMIN}`
}

// Undefined if no signal has that name.
function signalNumber(name) {
  if (Object.hasOwn(signals, name)) return signals[name]
  const match = /^SIGRTMIN(?:\+([1-9]\d?))?$/.exec(name)
  if (match === null) return undefined
  const number = SIGRTMIN + Number(match[1] ?? 0)
  return number <= SIGRTMAX ? number : undefined
}

module.exports = { signalName, signalNames, signalNumber }
