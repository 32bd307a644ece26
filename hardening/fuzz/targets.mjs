// All that can be called: exports, constructors, methods, getters and what is on the objects that are returned.

import { EventEmitter } from 'node:events'
import { FUNCTIONS, METHODS } from './calls.mjs'

const CLASSES = ['Handle', 'Process', 'Channel', 'ChannelServer']

// On what functions and methods return.
const RETURNED = {
  Stop: ['stop'],
  Daemon: ['ready', 'reopenLogs'],
  Iterator: ['next', 'return', Symbol.asyncIterator],
}
// Channels have them by a class between, and EventEmitter.
const INHERITED = ['addListener', 'prependListener', 'off', 'removeListener', 'removeAllListeners', 'once']

const nothing = () => []
const isFunction = (value) => typeof value === 'function'

/**
 * `{ name, valid(world), self(world), invoke(self, args) }` of each. A method has a `kind`, of which its `this` is to be, and none
 * else can be where it `isBound`. Where it `isExotic`, the language itself refuses some arguments: as names of events, or all of
 * them, as of constructors that are called.
 */
export function targetsOf(procnative) {
  const targets = []
  for (const name of Object.keys(procnative)) {
    if (CLASSES.includes(name)) targets.push(...classTargets(name, procnative[name]))
    else targets.push(functionTarget(name, procnative[name]))
  }
  for (const [kind, keys] of Object.entries(RETURNED)) {
    for (const key of keys) {
      const invoke = (self, args) => Reflect.apply(self[key], self, args)
      targets.push({ ...methodTarget(kind, key, invoke), isBound: true })
    }
  }
  return targets
}

function functionTarget(name, call) {
  if (!Object.hasOwn(FUNCTIONS, name)) throw new Error(`There is no valid call of ${name}() in calls.mjs`)
  return {
    name,
    valid: FUNCTIONS[name],
    self: () => undefined,
    invoke: (self, args) => Reflect.apply(call, self, args),
  }
}

function classTargets(name, Class) {
  const construct = (_, args) =>
    args.length % 2 === 0 ? Reflect.construct(Class, args) : Reflect.apply(Class, {}, args)
  const targets = [{ name, isExotic: true, valid: nothing, self: () => undefined, invoke: construct }]
  for (const key of Reflect.ownKeys(Class.prototype)) {
    if (key === 'constructor') continue
    const { get, value } = Object.getOwnPropertyDescriptor(Class.prototype, key)
    const call = get ?? value
    targets.push(methodTarget(name, key, (self, args) => Reflect.apply(call, self, args)))
  }
  for (const key of name === 'Channel' ? INHERITED : []) {
    const call = Class.prototype[key]
    if (isFunction(call)) targets.push(methodTarget(name, key, (self, args) => Reflect.apply(call, self, args)))
  }
  return targets
}

function methodTarget(kind, key, invoke) {
  const name = `${kind}.${String(key)}`
  const isExotic = kind === 'Channel' && Object.hasOwn(EventEmitter.prototype, key)
  return { name, kind, isExotic, valid: METHODS[name] ?? nothing, self: (world) => world.object(kind), invoke }
}
