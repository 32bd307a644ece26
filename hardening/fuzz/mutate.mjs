// Mutations of arguments.

import { isProxy } from 'node:util/types'
import { getter, hostile } from './hostile.mjs'

// Returns true if reading the properties of an object has no effect.
function isPlain(value) {
  if (typeof value !== 'object' || value === null || isProxy(value) || value === process.env) return false
  // Excludes shared objects: the prototype of a class, the result of reapOrphans(), an iterator.
  if (['constructor', 'stop', 'next'].some((key) => Object.hasOwn(value, key))) return false
  return [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value))
}

// Returns every place in arguments that can get another value.
function placesIn(container, depth = 0) {
  return Object.keys(container).flatMap((key) => {
    const { value } = Object.getOwnPropertyDescriptor(container, key)
    const within = depth < 3 && isPlain(value) ? placesIn(value, depth + 1) : []
    return [{ container, key }, ...within]
  })
}

/** Changes one thing. */
export function mutate(world, args) {
  const { random } = world
  const places = placesIn(args)
  if (places.length === 0 || random.chance(0.1)) return args.push(hostile(world))
  const { container, key } = random.pick(places)
  const { value } = Object.getOwnPropertyDescriptor(container, key)
  // A getter is useful on a property only, not on the list of arguments.
  const changes = container === args ? [replace, replace, add, wrap] : [replace, replace, access, access, add, wrap]
  const change = random.pick(changes)
  world.note(`at ${key}:`)
  change(world, container, key, value)
}

// Defines a property, unless the object is frozen.
const set = (container, key, descriptor) =>
  Reflect.defineProperty(container, key, { enumerable: true, configurable: true, ...descriptor })

const replace = (world, container, key) => set(container, key, { value: hostile(world), writable: true })

const access = (world, container, key, value) => set(container, key, { get: getter(world, value) })

// Adds an unexpected property.
function add(world, container, key, value) {
  if (isPlain(value)) set(value, world.random.pick(['fuzz', '__proto__', 'signal', '5']), { value: hostile(world) })
  else replace(world, container, key)
}

// procnative would read longer lists through a proxy for minutes.
const LONGEST = 10_000

function wrap(world, container, key, value) {
  if (isPlain(value) && value.length > LONGEST) return
  world.note('a proxy')
  world.isExotic = true
  set(container, key, { value: new Proxy(Object(value), {}), writable: true })
}

/** Returns up to four hostile values as arguments. */
export const anyArguments = (world) => Array.from({ length: world.random.below(5) }, () => hostile(world))
