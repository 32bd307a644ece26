// node:assert/strict for jest. Jest runs tests in a realm of its own, and the modules of Node.js make their arrays and
// objects in another: deepEqual() refuses those for their prototypes. So both sides get prototypes of one realm.

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
