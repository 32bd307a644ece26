// Calls that the declared types forbid: every hostile value in every position where it is not legitimate.

import { EventEmitter } from 'node:events'

/** A missing directory: a call that passes the checks fails there, and starts nothing. */
export const NOWHERE = '/nonexistent/procnative'
/** The largest pid or descriptor by type. The kernel has neither. */
export const NOBODY = 2 ** 31 - 1

class Instance {
  cwd = NOWHERE
}

export const VALUES = {
  NaN: Number.NaN,
  '+Infinity': Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  1.5: 1.5,
  '-1': -1,
  '2**32+5': 2 ** 32 + 5,
  "'5'": '5',
  null: null,
  undefined: undefined,
  '5n': 5n,
  'a symbol': Symbol('hostile'),
  'a string with NUL': 'a\0b',
  'an empty string': '',
  true: true,
  '[]': [],
  '{}': {},
  'something like an array': { 0: 0, length: 1, map: Array.prototype.map },
  'a function': function hostile() {},
  'an instance of a class': new Instance(),
  'an instance without properties': new Map(),
}

const TYPE = { name: 'TypeError', codes: ['ERR_INVALID_ARG_TYPE'] }
const VALUE = { name: 'TypeError', codes: ['ERR_INVALID_ARG_VALUE'] }
const RANGE = { name: 'RangeError', codes: ['ERR_OUT_OF_RANGE'] }
const ANY_NUMBER = { name: /^(Type|Range)Error$/, codes: [...VALUE.codes, ...RANGE.codes] }
const LEGITIMATE = null

// Types that index.d.ts imports or that the runtime has. A new type must be added here.
const EXTERNAL = {
  'NodeJS.Signals': { kind: 'choice', first: 'SIGTERM' },
  'net.Server': { kind: 'instance' },
  'net.Socket': { kind: 'instance' },
  'dgram.Socket': { kind: 'instance' },
  FileHandle: { kind: 'instance' },
  Uint8Array: { kind: 'instance', example: Buffer.of(0) },
  AbortSignal: { kind: 'instance' },
  URL: { kind: 'instance' },
  Error: { kind: 'instance' },
  ChildProcess: { kind: 'instance' },
  // Node checks its own options. Misspelled options of procnative are errors here, too.
  ForkOptions: { kind: 'options', members: [] },
}
const PRIMITIVES = ['number', 'string', 'boolean', 'null', 'undefined', 'unknown']

// Calls that accept a negative number, a fraction or an empty string.
const LEGITIMATE_AFTER_ALL = [
  /^(fork|spawn|spawnDaemon)\(args\[[01]\]: (an empty string|1\.5|-1|2\*\*32\+5)\)$/,
  /^(spawn|spawnDaemon)\((args|options)\.env\.NAME: (an empty string|1\.5|-1|2\*\*32\+5)\)$/,
  /^(spawn|spawnDaemon)\((args|options)\.argv0: an empty string\)$/,
  /^spawn\((args|options)\.cwd: an empty string\)$/,
  /^waitpid\(pid: -1\)$/,
]

/** Returns the alternatives of a type, without names and unions. */
export function alternatives(type, file) {
  const resolve = (one) => alternatives(one, file)
  switch (type.kind) {
    case 'union':
      return type.of.flatMap(resolve)
    case 'literal':
      return [{ kind: 'choice', first: type.value }]
    case 'intersection':
      return [optionsOf(type.of.flatMap((one) => objectOf(one, file).members))]
    case 'object':
      return [optionsOf(type.members)]
    case 'name':
      return named(type, file)
    default:
      return [type]
  }
}

function named(type, file) {
  const { name } = type
  if (PRIMITIVES.includes(name)) return [{ kind: name }]
  if (Object.hasOwn(EXTERNAL, name)) return [EXTERNAL[name]]
  if (Object.hasOwn(file.classes, name)) return [{ kind: 'instance' }]
  if (Object.hasOwn(file.types, name)) return alternatives(file.types[name], file)
  if (Object.hasOwn(file.interfaces, name)) {
    const { bases, members } = file.interfaces[name]
    if (bases.some((base) => EXTERNAL[base.name]?.kind === 'instance')) return [{ kind: 'instance' }]
    return [optionsOf([...bases.flatMap((base) => objectOf(base, file).members), ...members], name)]
  }
  if (name === 'ReadonlyArray') return [{ kind: 'array', item: type.of[0] }]
  if (name === 'Record') return [{ kind: 'record', value: type.of[1] }]
  if (name === 'Omit') {
    const omitted = type.of[1].kind === 'union' ? type.of[1].of : [type.of[1]]
    const without = omitted.map(({ value }) => value)
    return [optionsOf(objectOf(type.of[0], file).members.filter((one) => !without.includes(one.name)))]
  }
  throw new Error(`index.d.ts: what may be passed as '${name}' is not known: see EXTERNAL in helpers/hostile.mjs`)
}

function objectOf(type, file) {
  const [found, ...others] = alternatives(type, file)
  if (others.length > 0 || found.members === undefined) throw new Error('index.d.ts: an object type was expected')
  return found
}

// Options have only optional members, or a name that ends in Options; an unknown key is an error. Other members are a shape
// that an object of any class may have.
function optionsOf(members, name = '') {
  const isOptions = name.endsWith('Options') || members.every(({ optional }) => optional)
  return { kind: isOptions ? 'options' : 'shape', members }
}

function judge(choices, value, optional) {
  const verdicts = choices.map((choice) => judgeOne(choice, value))
  if ((value === undefined && optional) || verdicts.includes(LEGITIMATE)) return LEGITIMATE
  return [RANGE, VALUE].find((one) => verdicts.includes(one)) ?? TYPE
}

function judgeOne({ kind }, value) {
  const found = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  if (kind === 'unknown' || (kind === found && !['number', 'string'].includes(kind))) return LEGITIMATE
  if (kind === 'number' && found === kind) return RANGE
  if (kind === 'string' && found === kind) return value === '' || value.includes('\0') ? VALUE : LEGITIMATE
  if (kind === 'choice' && found === 'string') return VALUE
  const isPlain = found === 'object' && Object.getPrototypeOf(value) === Object.prototype
  return ['options', 'record'].includes(kind) && isPlain ? LEGITIMATE : TYPE
}

/** Returns a harmless value that passes the checks. */
function valid(type, file) {
  const choices = alternatives(type, file)
  const of = (kind) => choices.find((choice) => choice.kind === kind)
  if (of('null')) return null
  if (of('number')) return NOBODY
  if (of('string') || of('unknown')) return NOWHERE
  if (of('choice')) return of('choice').first
  if (of('boolean')) return false
  if (of('array')) return []
  if (of('function')) return () => {}
  if (of('options')) return base(of('options'), file)
  return of('instance')?.example
}

function base({ members }, file) {
  const needed = members.filter(({ name, optional }) => !optional || name === 'cwd')
  return Object.fromEntries(needed.map((one) => [one.name, valid(one.type, file)]))
}

/** Returns arguments that pass the checks. */
export const validArguments = ({ parameters }, file) =>
  parameters.filter(({ optional, name }) => !optional || name === 'options').map(({ type }) => valid(type, file))

/** Returns functions by name, and methods as 'Class.method', except redeclared methods of EventEmitter. */
export function callables(file) {
  const methods = Object.entries(file.classes).flatMap(([name, { bases, members }]) => {
    const isOwn = ({ method, name }) => method && !(isEmitter(bases) && name in EventEmitter.prototype)
    return members.filter(isOwn).map((method) => [`${name}.${method.name}`, method])
  })
  return { ...file.functions, ...Object.fromEntries(methods) }
}

const isEmitter = (bases) => bases.some(({ name }) => name === 'EventEmitter')

/** Generates the calls of a function that must be refused: `{ label, args, expected: { name, codes, names } }`. */
export function* refusals(name, { parameters }, file) {
  for (const [index, parameter] of parameters.entries()) {
    const before = parameters.slice(0, index).map(({ type }) => valid(type, file))
    const after = parameters.slice(index + 1).filter(({ optional }) => !optional)
    const args = (value) => [...before, value, ...after.map(({ type }) => valid(type, file))]
    const type = parameter.rest ? parameter.type.item : parameter.type
    yield* positions({ label: `${name}(${parameter.name}`, type, optional: parameter.optional, args }, file)
  }
}

function* positions({ label, type, optional, args, inside }, file) {
  const choices = alternatives(type, file)
  for (const [shown, value] of Object.entries(VALUES)) {
    const expected = judge(choices, value, optional)
    const full = `${label}: ${shown})`
    if (expected === LEGITIMATE || LEGITIMATE_AFTER_ALL.some((one) => one.test(full))) continue
    // A wrong value inside an object with a descriptor is an error of the object or of the descriptor.
    yield { label: full, args: args(value), expected: inside === 'shape' ? either(expected) : expected }
  }
  for (const choice of choices) {
    if (choice.kind === 'array') {
      const within = { label: `${label}[0]`, type: choice.item, optional: false, args: (value) => args([value]) }
      yield* positions(within, file)
      yield* positions(
        { ...within, label: `${label}[1]`, args: (value) => args([valid(choice.item, file), value]) },
        file,
      )
    }
    if (choice.kind === 'record') {
      const within = { label: `${label}.NAME`, type: choice.value, optional: false }
      yield* positions({ ...within, args: (value) => args({ NAME: value }) }, file)
    }
    if (choice.members !== undefined) yield* properties({ label, choice, args }, file)
  }
}

function either(expected) {
  return expected === RANGE ? ANY_NUMBER : { ...expected, codes: [...TYPE.codes, ...VALUE.codes] }
}

function* properties({ label, choice, args }, file) {
  const filled = base(choice, file)
  for (const { name, optional, type } of choice.members) {
    const within = { label: `${label}.${name}`, type, optional, inside: choice.kind }
    yield* positions({ ...within, args: (value) => args({ ...filled, [name]: value }) }, file)
  }
  if (choice.kind !== 'options') return
  for (const { name } of choice.members) {
    for (const wrong of misspellings(name)) {
      const expected = { ...VALUE, names: name }
      yield { label: `${label}: { ${wrong} })`, args: args({ ...filled, [wrong]: NOBODY }), expected }
    }
  }
}

const misspellings = (word) => [
  word + word.at(-1),
  word.slice(0, -2) + word.at(-1),
  word[0].toUpperCase() + word.slice(1),
]
