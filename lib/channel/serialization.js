'use strict'

// Converts messages to a string or bytes, and back.

const { constants } = require('node:buffer')
const { isUint8Array } = require('node:util/types')
const v8 = require('node:v8')
const errors = require('../core/errors.js')
const { unshared } = require('../core/unshared.js')

function serialize(message) {
  try {
    return v8.serialize(message)
  } catch (error) {
    throw errors.invalidArgType('message', 'a value supported by v8.serialize()', message, error)
  }
}

const json = {
  longestText: constants.MAX_STRING_LENGTH,
  encode(message) {
    try {
      const text = JSON.stringify(message)
      if (text !== undefined) return text
    } catch (error) {
      throw isJsonError(error) ? notJson(message, error) : error
    }
    throw notJson(message)
  },
  decode: JSON.parse,
}

// Returns true for errors of JSON.stringify() itself: a TypeError for a cycle or a bigint, a RangeError for a text longer than
// a string, or for too little stack. Any other error comes from a toJSON() of the program.
const isJsonError = (error) => error instanceof TypeError || error instanceof RangeError

const notJson = (message, error) => errors.invalidArgType('message', 'a value supported by JSON', message, error)

const advanced = {
  longestText: 0,
  encode: serialize,
  // Decode a copy: the result can hold views of the bytes, and the buffer holds other messages too.
  decode: (bytes) => v8.deserialize(Uint8Array.prototype.slice.call(bytes)),
}

const raw = {
  longestText: 0,
  encode(message) {
    if (!isUint8Array(message)) throw errors.invalidArgType('message', 'an instance of Uint8Array', message)
    return unshared(message)
  },
  // Copy the bytes: the buffer holds other messages too.
  decode: (bytes) => Buffer.from(bytes),
}

module.exports = { json, advanced, raw }
