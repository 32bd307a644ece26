'use strict'

// From messages to what is sent, a string or bytes, and back.

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
      throw isJsons(error) ? notJson(message, error) : error
    }
    throw notJson(message)
  },
  decode: JSON.parse,
}

// What a toJSON() throws is its own, unless it looks like JSON's: a TypeError for a cycle or a bigint, a RangeError where no
// string is so long and no stack so deep.
const isJsons = (error) => error instanceof TypeError || error instanceof RangeError

const notJson = (message, error) => errors.invalidArgType('message', 'a value supported by JSON', message, error)

const advanced = {
  longestText: 0,
  encode: serialize,
  // Of a copy: it leaves views on what it is given, and others have come in the same buffer.
  decode: (bytes) => v8.deserialize(Uint8Array.prototype.slice.call(bytes)),
}

const raw = {
  longestText: 0,
  encode(message) {
    if (!isUint8Array(message)) throw errors.invalidArgType('message', 'an instance of Uint8Array', message)
    return unshared(message)
  },
  // A copy: others have come in the same buffer.
  decode: (bytes) => Buffer.from(bytes),
}

module.exports = { json, advanced, raw }
