'use strict'

// Launch options that daemonize(), spawn() and spawnDaemon() share, in the form that the native half takes.

const path = require('node:path')

const NUL = Buffer.alloc(1)

// Joins strings, each with a NUL at its end, because Node-API passes one string faster than a list. Returns bytes if one of
// the strings is bytes.
function encodeStrings(strings) {
  if (strings.every((string) => typeof string === 'string'))
    return strings.length === 0 ? '' : `${strings.join('\0')}\0`
  return Buffer.concat(strings.flatMap((string) => [Buffer.from(string), NUL]))
}

// Returns undefined for /dev/null, a descriptor, or an absolute path.
function resolveOutput(wanted, inherited) {
  if (wanted === 'ignore') return undefined
  if (wanted === 'inherit') return inherited
  return typeof wanted === 'string' ? path.resolve(wanted) : wanted
}

module.exports = { encodeStrings, resolveOutput }
