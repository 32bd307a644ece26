// All callable targets: exports, constructors, methods, getters, and methods of returned objects.

import { EventEmitter } from 'node:events'
import { FUNCTIONS, METHODS } from './calls.mjs'

const CLASSES = ['Handle', 'Process', 'Channel', 'ChannelServer']

// Methods of objects that functions and methods return.
const RETURNED = {
  Stop: ['stop'],
  Daemon: ['ready', 'reopenLogs'],
  Iterator: ['next', 'return', Symbol.asyncIterator],
}
// Methods that Channel inherits from EventEmitter and from a class between.
const INHERITED = ['addListener', 'prependListener', 'off', 'removeListener', 'removeAllListeners', 'once']

const nothing = () => []
const isFunction = (value) => typeof value === 'function'

/**
 * Returns `{ name, valid(world), self(world), invoke(self, args) }` for each target. A method has the `kind` of its `this`, and is
 * called on that kind only if it `isBound`. If a target `isExotic`, the language itself refuses some arguments, like names of
 * events, or all arguments, like those of a called constructor.
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
