'use strict'

// Properties that an object has itself. A name that is missing there may still be on Object.prototype, where a program
// that merges untrusted JSON into an object can have put it.

const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined)

// An environment variable of this process: process.env inherits from Object.prototype.
const variable = (name) => own(process.env, name)

// Returns true if an object or its class has a property: the `in` operator, except for what is on Object.prototype.
function has(object, name) {
  if (!(name in object)) return false
  return !(name in Object.prototype) || isBelowRoot(object, name)
}

function isBelowRoot(object, name) {
  for (let link = object; link !== null && link !== Object.prototype; link = Object.getPrototypeOf(link)) {
    if (Object.hasOwn(link, name)) return true
  }
  return false
}

module.exports = { has, own, variable }
