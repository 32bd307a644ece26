'use strict'

const { signals } = require('node:os').constants

// The first of the real-time signals that are a program's to use: the C library keeps two for itself.
const SIGRTMIN = 34

// Real-time signals have no names in Node; these are kill(1)'s.
function signalName(number) {
  const name = Object.keys(signals).find((one) => signals[one] === number)
  if (name !== undefined) return name
  if (number < SIGRTMIN) return `SIG${number}`
  return number === SIGRTMIN ? 'SIGRTMIN' : `SIGRTMIN+${number - SIGRTMIN}`
}

module.exports = { signalName }
