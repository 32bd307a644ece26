// node:assert/strict for jest. Jest runs tests in a realm of its own, but the modules of Node.js make arrays and objects in
// another realm. deepEqual() refuses them for their prototypes, so this gives both sides prototypes of one realm.

import assert from 'node:assert'

const isPlain = (value) =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(Object.getPrototypeOf(value) ?? value) === null

function localized(value) {
  if (Array.isArray(value)) return Array.from(value, localized)
  if (!isPlain(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, localized(one)]))
}

const { strict } = assert

export default Object.assign((...args) => strict(...args), strict, {
  deepEqual: (actual, expected, message) => strict.deepEqual(localized(actual), localized(expected), message),
})
