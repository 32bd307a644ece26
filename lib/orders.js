'use strict'

// What every start is told, in the native half's terms.

const path = require('node:path')

const NUL = Buffer.alloc(1)

// Strings that end in a NUL each: to pass one string takes less time than to pass a list of them. Bytes where one of
// them is bytes.
function block(strings) {
  if (strings.every((one) => typeof one === 'string')) return strings.length === 0 ? '' : `${strings.join('\0')}\0`
  return Buffer.concat(strings.flatMap((one) => [Buffer.from(one), NUL]))
}

// Nothing for /dev/null, a descriptor, or an absolute path.
function output(wanted, inherited) {
  if (wanted === 'ignore') return undefined
  if (wanted === 'inherit') return inherited
  return typeof wanted === 'string' ? path.resolve(wanted) : wanted
}

module.exports = { block, output }
