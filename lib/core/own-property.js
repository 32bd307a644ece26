'use strict'

// Reads an object's own properties. If an object lacks a property, Object.prototype may still have it: a program that merges
// untrusted JSON into an object can have put it there.

// Returns an own property; undefined if the object lacks it.
const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined)

// Returns an environment variable of this process. process.env inherits from Object.prototype.
const variable = (name) => own(process.env, name)

// Returns true if an object or its class has a property. Ignores Object.prototype, unlike the `in` operator.
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
