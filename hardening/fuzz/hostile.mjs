// Unexpected values. Each maker gets the world and returns a value. Labels name the values, because logging a value would
// read its properties.

import net from 'node:net'
import { DESCRIPTORS, LAST_PID } from './rules.mjs'
import { Thrown } from './shape.mjs'

const NUMBERS = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -0,
  0,
  1,
  2,
  -1,
  1.5,
  1024,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32 + 5,
  2 ** 53,
  1e308,
  5e-324,
]
const STRINGS = [
  '',
  ' ',
  '0',
  'file',
  '.',
  '/nonexistent/fuzz',
  '@fuzz',
  '\0fuzz',
  '@',
  'a\0b',
  '\ud800',
  '\udc00x\ud800',
  'SIGTERM',
  'SIGKILL',
  'SIGRTMIN',
  'toString',
  '__proto__',
  'constructor',
  'pipe',
  'inherit',
  'ignore',
  'json',
  'root',
  'nobody',
  'READY=1',
  '=',
  'é\u{1f600}',
  '%s%n%d',
  '../../..',
]

function throwing() {
  throw new Thrown()
}
const TRAPS = ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor', 'set', 'apply', 'construct']
const throwsAtAll = Object.fromEntries(TRAPS.map((trap) => [trap, throwing]))

function revoked(target) {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}
function detached() {
  const bytes = new Uint8Array(16)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}
// Returns a view of a buffer that was shrunk below the view.
function shrunk() {
  const buffer = new ArrayBuffer(64, { maxByteLength: 128 })
  const bytes = new Uint8Array(buffer, 32, 16)
  buffer.resize(8)
  return bytes
}
// Returns a getter that returns another value at each read.
function fickle({ random }) {
  const readings = [
    random.pick(NUMBERS),
    random.pick(STRINGS),
    null,
    random.between(DESCRIPTORS.first, DESCRIPTORS.last),
  ]
  let at = 0
  return () => readings[at++ % readings.length]
}

const MAKERS = {
  number: ({ random }) => random.pick(NUMBERS),
  descriptor: ({ random }) => random.between(DESCRIPTORS.first, DESCRIPTORS.last),
  pid: ({ random }) => random.between(LAST_PID - 10, LAST_PID + 200),
  string: ({ random }) => random.pick(STRINGS),
  'long string': ({ random }) => 'x'.repeat(random.pick([108, 256, 4096, 5000, 70_000])),
  'very long string': ({ random }) => (random.chance(0.05) ? 'é'.repeat(2 ** 22) : 'x'.repeat(2 ** 18)),
  boolean: ({ random }) => random.chance(0.5),
  null: () => null,
  undefined: () => undefined,
  bigint: ({ random }) => random.pick([0n, 5n, -1n, 2n ** 64n]),
  symbol: ({ random }) => random.pick([Symbol('fuzz'), Symbol.iterator, Symbol.dispose ?? Symbol.asyncIterator]),
  function: () => function fuzz() {},
  'function that throws': () => throwing,
  'async function that throws': () => async () => throwing(),
  class: () => class Fuzz {},
  'empty array': () => [],
  'array with a hole': () => Object.assign(['true'], { length: 3 }),
  'array of holes': ({ random }) => Array(random.pick([1, 300, 2 ** 32 - 1])),
  'array whose entry throws': () => Object.defineProperty([], 0, { get: throwing, enumerable: true }),
  'array that grows as it is read': () => {
    const list = [0]
    return Object.defineProperty(list, 0, { get: () => list.push(0) && 0, enumerable: true })
  },
  'array that shrinks as it is read': () => {
    const list = [0, 0, 0]
    Object.defineProperty(list, 0, {
      get: () => {
        list.length = 1
        return 0
      },
    })
    return list
  },
  'array of anything': (world) => Array.from({ length: world.random.below(5) }, () => hostile(world)),
  'empty object': () => ({}),
  'null-prototype object': () => Object.assign(Object.create(null), { fd: 0, cwd: '/', toString: 5 }),
  'frozen object': (world) => Object.freeze({ fd: world.random.pick(NUMBERS) }),
  'object whose fd changes': (world) => Object.defineProperty({}, 'fd', { get: fickle(world), enumerable: true }),
  'object whose fd throws': () => ({
    get fd() {
      return throwing()
    },
  }),
  'object with a _handle': (world) => ({ _handle: hostile(world) }),
  'object with anything': (world) => ({ [String(world.random.pick(STRINGS))]: hostile(world) }),
  'object that converts by throwing': () => ({ [Symbol.toPrimitive]: throwing, toString: throwing, toJSON: throwing }),
  'object with a length': () => ({ length: 2 ** 31, 0: 0 }),
  'boxed number': () => Object(5),
  'boxed string': () => Object('x'),
  map: () => new Map(),
  date: () => new Date(Number.NaN),
  cycle: () => {
    const one = {}
    one.one = one
    return one
  },
  thenable: () => Object.fromEntries([['then', throwing]]),
  'rejected promise': () => {
    const rejected = Promise.reject(new Thrown())
    rejected.catch(() => {})
    return rejected
  },
  'transparent proxy': (world) => new Proxy(Object(world.anything()), {}),
  'proxy that throws': () => new Proxy({}, throwsAtAll),
  'proxy of a function that throws': () => new Proxy(() => {}, throwsAtAll),
  'revoked proxy': ({ random }) => revoked(random.pick([{}, [], () => {}])),
  buffer: ({ random }) => Buffer.alloc(random.pick([0, 1, 16, 70_000])),
  'detached bytes': detached,
  'bytes out of bounds': shrunk,
  'shared bytes': () => new Uint8Array(new SharedArrayBuffer(16)),
  'growable bytes': () => new Uint8Array(new SharedArrayBuffer(4, { maxByteLength: 32 })),
  'resizable bytes': () => new Uint8Array(new ArrayBuffer(16, { maxByteLength: 32 })),
  'other views': ({ random }) =>
    random.pick([new Float64Array(2), new DataView(new ArrayBuffer(8)), new ArrayBuffer(8)]),
  'aborted signal': () => AbortSignal.abort(new Thrown()),
  'signal that aborts soon': ({ random }) => AbortSignal.timeout(random.below(30)),
  'false signal': () => ({ aborted: false, addEventListener: throwing, removeEventListener: throwing }),
  error: () => new Thrown(),
  url: () => new URL('file:///nonexistent/fuzz'),
  'closed server': () => new net.Server(),
  'closed socket': () => new net.Socket(),
  'the module': ({ procnative }) => ({ ...procnative }),
  'a prototype': ({ procnative, random }) =>
    random.pick([procnative.Handle, procnative.Channel, procnative.Process]).prototype,
  'live object': (world) => world.anything(),
}
const LABELS = Object.keys(MAKERS)

// For these, the language itself may throw.
const EXOTIC = /proxy|prototype/

/** Returns a random hostile value, and adds its label to the world's notes. */
export function hostile(world) {
  const label = world.random.pick(LABELS)
  world.note(label)
  if (EXOTIC.test(label)) world.isExotic = true
  return MAKERS[label](world)
}

/** Returns a getter for a property with a valid value. It throws, changes its result, or calls procnative itself. */
export function getter(world, value) {
  const after = (act) => () => {
    act()
    return value
  }
  const [label, get] = world.random.pick([
    ['a getter that throws', throwing],
    ['a getter that changes its mind', fickle(world)],
    ['a getter that calls another export', after(() => world.reenter())],
    ['a getter that closes what there is', after(() => world.closeSomething())],
    ['a getter that detaches what there is', after(() => world.detachSomething())],
  ])
  world.note(label)
  return get
}
