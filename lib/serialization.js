'use strict'

// From messages to what is sent, a string or bytes, and back.

const v8 = require('node:v8')
const errors = require('./errors.js')

const json = {
  isText: true,
  encode(message) {
    const text = JSON.stringify(message)
    if (text === undefined) throw errors.invalidArgType('message', 'something that JSON has', message)
    return text
  },
  decode: JSON.parse,
}

const advanced = {
  isText: false,
  encode: (message) => v8.serialize(message),
  decode: (bytes) => v8.deserialize(bytes),
}

const raw = {
  isText: false,
  encode(message) {
    if (!(message instanceof Uint8Array)) throw errors.invalidArgType('message', 'an instance of Uint8Array', message)
    return message
  },
  // A copy: others have come in the same buffer.
  decode: (bytes) => Buffer.from(bytes),
}

module.exports = { json, advanced, raw }
