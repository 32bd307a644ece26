// Wrong arguments: every export in every position, and the messages of some calls.

import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import { test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, oneArena, root, runScript } from '../helpers/run.mjs'
import { callables, NOBODY, NOWHERE, refusals, VALUES } from './helpers/hostile.mjs'
import { exportedNames, parse } from './helpers/signatures.mjs'

const procnative = createRequire(import.meta.url)('procnative')
const { daemonize, fork, getpgid, getsid, listenUnix, setChildSubreaper, setParentDeathSignal, setpgid } = procnative
const { spawn, tcgetpgrp } = procnative

const text = fs.readFileSync(`${root}index.d.ts`, 'utf8')
const file = parse(text)

const anyOf = (names) => (names instanceof RegExp ? names : new RegExp(`^${names}$`))

function complaint({ label, expected }, told) {
  if (told === undefined) return `${label} ended the process`
  const { threw, name, code, message, changed, entered } = told
  if (!threw) return `${label} was let through`
  if (!expected.codes.includes(code)) return `${label} threw ${code}, not ${expected.codes}: ${message}`
  if (!anyOf(expected.name).test(name)) return `${label} threw a ${name}, not ${expected.name}: ${message}`
  if (expected.names && !message.includes(`'${expected.names}'`))
    return `${label} names no '${expected.names}': ${message}`
  if (entered.length > 0) return `${label} was refused only after native ${entered}`
  if (Object.keys(changed).length > 0) return `${label} changed ${JSON.stringify(changed)}`
  return null
}

test('index.d.ts: declares the exports of the package', { contract: 'E2' }, () => {
  assert.deepEqual(Object.keys(procnative).sort(), exportedNames(file).sort())
})

test('index.d.ts: an unknown kind of declaration is an error', { contract: 'E2' }, () => {
  for (const strange of [
    'export const a: number',
    'export function a(b: typeof c): void',
    'export function a(b): void',
    'export function a(b: { [key: string]: number }): void',
    'declare function a(): void',
    'export class A { static a(): void }',
    'export interface A { a: `b` }',
  ]) {
    assert.throws(() => parse(strange), SyntaxError, strange)
  }
  const [one, two] = parse('export function a(b: number): void\nexport function a(c: string, d: null): void').functions
    .a.parameters
  assert.deepEqual([one.type.of.length, one.optional, two.optional], [2, false, true])
  const unknown = parse('export function a(b: Strange): void')
  assert.throws(() => [...refusals('a', unknown.functions.a, unknown)], /'Strange' is not known/)
})

test('wrong arguments: each hostile value is tried in each position', { contract: 'E2' }, () => {
  const labels = (name) => [...refusals(name, file.functions[name], file)].map(({ label }) => label)
  const integers = Object.keys(VALUES).filter((shown) => shown !== 'undefined')
  assert.deepEqual(
    labels('getsid'),
    integers.map((shown) => `getsid(pid: ${shown})`),
  )
  const calls = labels('daemonize')
  for (const call of [
    'daemonize(options: a symbol)',
    'daemonize(options: an instance without properties)',
    'daemonize(options.cwd: a string with NUL)',
    'daemonize(options.umask: 2**32+5)',
    'daemonize(options.keep[0]: -1)',
    'daemonize(options.keep[1].fd: 1.5)',
    'daemonize(options.foreground: null)',
    'daemonize(options: { umak })',
  ]) {
    assert.ok(calls.includes(call), call)
  }
})

for (const [name, signature] of Object.entries(callables(file))) {
  const calls = [...refusals(name, signature, file)]
  if (calls.length === 0) continue
  test(`${name}(): refuses ${calls.length} wrong calls without a change`, { contract: 'E2' }, async () => {
    const ended = await runScript(fixture('package/make-refused-calls.mjs'), [name], {
      detached: true,
      env: oneArena(),
    })
    const told = reports(ended.stdout).filter(({ threw }) => threw !== undefined)
    const complaints = calls
      .map((call) =>
        complaint(
          call,
          told.find(({ label }) => label === call.label),
        ),
      )
      .filter(Boolean)
    assert.deepEqual(complaints, [], `${ended.code ?? ended.signal} ${ended.stderr}`)
    assert.equal(told.length, calls.length)
    assert.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, ''])
  })
}

const type = (message) => ({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE', message })
const value = (message) => ({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message })
const range = (message) => ({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE', message })

// One call of each kind, by hand: the tests above depend on index.d.ts and its parser, these calls do not.
const BY_HAND = {
  'getsid(NaN)': [() => getsid(Number.NaN), range(/"pid".*an integer.*NaN/)],
  "getsid('5')": [
    () => getsid('5'),
    type(/^The "pid" argument must be of type number\. Received type string \('5'\)$/),
  ],
  'getsid(null)': [() => getsid(null), type(/^The "pid" argument must be of type number\. Received null$/)],
  'getpgid(-1)': [() => getpgid(-1), range(/"pid".*>= 0 .*<= 2147483647.*-1$/)],
  'getpgid(5n)': [() => getpgid(5n), type(/^The "pid" argument must be of type number\. Received type bigint \(5n\)$/)],
  'setpgid(0)': [() => setpgid(0), type(/^The "pgid" argument .*Received undefined$/)],
  'setpgid(0, 2 ** 31)': [() => setpgid(0, 2 ** 31), range(/"pgid".*2147483648/)],
  'tcgetpgrp()': [() => tcgetpgrp(), type(/^The "fd" argument .*Received undefined$/)],
  'setChildSubreaper(1)': [() => setChildSubreaper(1), type(/^The "enabled" argument must be of type boolean\./)],
  'setParentDeathSignal(15)': [() => setParentDeathSignal(15), type(/^The "signal" argument must be of type string\./)],
  "setParentDeathSignal('TERM')": [() => setParentDeathSignal('TERM'), value(/signal.*'TERM'/)],
  "setParentDeathSignal('toString')": [() => setParentDeathSignal('toString'), value(/signal.*'toString'/)],
  'daemonize(null)': [() => daemonize(null), type(/^The "options" argument must be of type object\. Received null$/)],
  'daemonize([])': [() => daemonize([]), type(/^The "options" argument .*Received an instance of Array$/)],
  "daemonize({ cwdd: '/' })": [() => daemonize({ cwdd: '/' }), value(/'cwd'/)],
  'daemonize({ readytimeout: 1 })': [() => daemonize({ readytimeout: 1 }), value(/'readyTimeout'/)],
  "daemonize({ cwd: 'a\\0b' })": [() => daemonize({ cwd: 'a\0b' }), value(/options\.cwd.*null bytes.*'a\\x00b'/)],
  "daemonize({ cwd: '' })": [() => daemonize({ cwd: '' }), value(/options\.cwd.*''/)],
  'daemonize({ zzzzzz: 1 })': [() => daemonize({ zzzzzz: 1 }), value(/^Unknown option "options\.zzzzzz"$/)],
  'daemonize({ uid: 1 })': [
    () => daemonize({ uid: 1 }),
    value(/^Unknown option "options\.uid"\. Did you mean 'user'\?$/),
  ],
  'daemonize({ gid: 1 })': [() => daemonize({ gid: 1 }), value(/Did you mean 'group'\?$/)],
  'spawn({ detached: true })': [() => spawn('true', { detached: true }), value(/Did you mean 'session'\?$/)],
  'spawn({ timeout: 1 })': [() => spawn('true', { timeout: 1 }), value(/^Unknown option "options\.timeout"$/)],
  'daemonize({ timeout: 1 })': [() => daemonize({ timeout: 1 }), value(/Did you mean 'readyTimeout'\?$/)],
  'listenUnix({ uid: 1 })': [() => listenUnix(NOWHERE, { uid: 1 }), value(/^Unknown option "options\.uid"$/)],
  "setParentDeathSignal('KILL')": [() => setParentDeathSignal('KILL'), value(/'KILL'\. Did you mean 'SIGKILL'\?$/)],
  "setParentDeathSignal('sigterm')": [() => setParentDeathSignal('sigterm'), value(/Did you mean 'SIGTERM'\?$/)],
  "setParentDeathSignal('x')": [() => setParentDeathSignal('x'), value(/Received 'x'$/)],
  "setParentDeathSignal('SIGRTMIN+31')": [() => setParentDeathSignal('SIGRTMIN+31'), value(/'SIGRTMIN\+31'/)],
  "setParentDeathSignal('SIGRTMIN+0')": [() => setParentDeathSignal('SIGRTMIN+0'), value(/'SIGRTMIN\+0'/)],
  "fork({ serialization: 'raw' })": [
    () => fork(NOWHERE, [], { serialization: 'raw' }),
    value(/"options\.serialization".*channel: \{ serialization \}.*'raw'$/),
  ],
  'fork({ maxHandles: 1 })': [() => fork(NOWHERE, { maxHandles: 1 }), value(/Did you mean 'channel\.maxHandles'\?$/)],
  "daemonize({ umask: '022' })": [
    () => daemonize({ umask: '022' }),
    type(/"options\.umask" property must be of type number/),
  ],
  'daemonize({ umask: 0o1000 })': [() => daemonize({ umask: 0o1000 }), range(/options\.umask.*512/)],
  'daemonize({ stdout: null })': [() => daemonize({ stdout: null }), type(/options\.stdout.*null/)],
  'daemonize({ user: 2 ** 32 - 1 })': [() => daemonize({ user: 2 ** 32 - 1 }), range(/options\.user.*4294967295/)],
  "daemonize({ ready: 'Auto' })": [() => daemonize({ ready: 'Auto' }), value(/options\.ready.*'auto', 'manual'/)],
  'daemonize({ readyTimeout: 0 })': [() => daemonize({ readyTimeout: 0 }), range(/options\.readyTimeout.*0/)],
  'daemonize({ keep: 0 })': [() => daemonize({ keep: 0 }), type(/options\.keep.*array/)],
  'daemonize({ keep: [0, {}] })': [() => daemonize({ keep: [0, {}] }), type(/options\.keep\[1\]/)],
  'a server that does not listen': [() => daemonize({ keep: [net.createServer()] }), value(/options\.keep\[0\].*open/)],
  'a socket that is not connected': [
    () => daemonize({ keep: [0, new net.Socket()] }),
    value(/options\.keep\[1\].*open/),
  ],
}

test('listenUnix(): reads an option once', { contract: 'E2' }, () => {
  let times = 0
  const options = {
    get backlog() {
      return times++ === 0 ? 5 : 'five'
    },
  }
  procnative.listenUnix(`@procnative-${process.pid}`, options).close()
  assert.equal(times, 1)
})

test('wrong arguments: have the expected class, code and message', { contract: 'E2' }, () => {
  for (const [call, [make, expected]] of Object.entries(BY_HAND)) assert.throws(make, expected, call)
})

test('daemonize() keep: refuses an unbound datagram socket, and a closed file', { contract: 'E2' }, async (context) => {
  const datagram = dgram.createSocket('udp4')
  context.after(() => datagram.close())
  const closed = await fs.promises.open(root)
  await closed.close()
  for (const keep of [[datagram], [closed]]) {
    assert.throws(() => daemonize({ cwd: NOWHERE, keep }), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /options\.keep\[0\]/,
    })
  }
})

test("wrong types: have Node's own messages", { contract: 'E2' }, () => {
  const thrown = (call) => {
    try {
      return call()
    } catch (error) {
      return error
    }
  }
  for (const [shown, one] of Object.entries(VALUES)) {
    const [ours, nodes] = [() => tcgetpgrp(one), () => Buffer.alloc(one)].map(thrown)
    // A number has the right type. procnative escapes a NUL, Node does not.
    if (typeof one === 'number' || (typeof one === 'string' && one.includes('\0'))) continue
    const said = nodes.message.replace('"size"', '"fd"')
    assert.deepEqual([ours.name, ours.code, ours.message], [nodes.name, nodes.code, said], shown)
  }
})

test('getsid(), tcgetpgrp(): pass the largest number to the kernel', { contract: 'E2' }, () => {
  assert.throws(() => getsid(NOBODY), { code: 'ESRCH' })
  assert.throws(() => tcgetpgrp(NOBODY), { code: 'EBADF' })
})
