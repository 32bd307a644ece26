'use strict'

// What every start is told, in the native half's terms.

const path = require('node:path')

const NUL = Buffer.alloc(1)

// Joins strings, each with a NUL at its end: passing one string takes less time than passing a list. Returns bytes if one
// of the strings is bytes.
function encodeStrings(strings) {
  if (strings.every((one) => typeof one === 'string')) return strings.length === 0 ? '' : `${strings.join('\0')}\0`
  return Buffer.concat(strings.flatMap((one) => [Buffer.from(one), NUL]))
}

// Nothing for /dev/null, a descriptor, or an absolute path.
function resolveOutput(wanted, inherited) {
  if (wanted === 'ignore') return undefined
  if (wanted === 'inherit') return inherited
  return typeof wanted === 'string' ? path.resolve(wanted) : wanted
}

module.exports = { encodeStrings, resolveOutput }
