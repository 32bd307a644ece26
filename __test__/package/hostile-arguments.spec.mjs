// Hostile arguments of the right type: none ends the process, starts a process, or leaves a trace.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, oneArena, run, runScript, scriptCommand } from '../helpers/run.mjs'

const binding = createRequire(import.meta.url)('../../lib/core/native.js')

// The expected error of each call. ANY accepts each error.
const ANY = undefined
const NOT_THERE = 'ENOENT chdir'
const EXPECTED = {
  options: {
    'a getter that throws': /thrown by umask/,
    'a getter that throws, of a key that is not known': 'ERR_INVALID_ARG_VALUE',
    'a getter that changes its mind': ANY,
    'a getter that changes its mind later': NOT_THERE,
    'a proxy': NOT_THERE,
    'a proxy whose traps throw': /thrown by a trap/,
    'a revoked proxy': ANY,
    'a revoked proxy of an array': ANY,
    'a revoked proxy for a string': ANY,
    'a null prototype': NOT_THERE,
    'a frozen object': NOT_THERE,
    'an own __proto__': 'ERR_INVALID_ARG_VALUE',
    'an own constructor': 'ERR_INVALID_ARG_VALUE',
    'an own toString': 'ERR_INVALID_ARG_VALUE',
    'a hostile constructor': ANY,
    'a constructor that throws': ANY,
    'an object that is a number to some': 'ERR_INVALID_ARG_TYPE',
    'a boxed number': 'ERR_INVALID_ARG_TYPE',
    'a boxed string': 'ERR_INVALID_ARG_TYPE',
  },
  strings: {
    'a cwd of 5,000 characters': 'ENAMETOOLONG chdir',
    'a cwd of 10 MB': ANY,
    'a stdout of 10 MB': 'ENAMETOOLONG open',
    'a user of 10 MB': ANY,
    'a group of 10 MB': ANY,
    'a ready of 10 MB': 'ERR_INVALID_ARG_VALUE',
    'a key of 64 KiB': 'ERR_INVALID_ARG_VALUE',
    'a cwd with a lone surrogate': NOT_THERE,
    'a stdout with a lone surrogate': 'ENOENT open',
    'a user with a lone surrogate': 'ERR_UNKNOWN_CREDENTIAL',
    'a key with a lone surrogate': 'ERR_INVALID_ARG_VALUE',
  },
  lists: {
    'keep with a hole': 'ERR_INVALID_ARG_TYPE',
    'keep of holes': 'ERR_INVALID_ARG_TYPE',
    'keep of 100,000': ANY,
    'keep of 2**32-1 holes': 'ERR_INVALID_ARG_TYPE',
    'keep whose entries throw': /thrown by fd/,
    'keep with a revoked proxy': ANY,
    'keep, a revoked proxy': ANY,
    'keep, a proxy of an array': NOT_THERE,
    'keep of a class that makes others': ANY,
    'keep with a getter for a descriptor that changes': ANY,
    'keep with a _handle that is no handle': ANY,
    'keep with a descriptor that is closed': /EBADF/,
  },
  foreground: {
    'foreground, a descriptor that is closed': /EBADF/,
    'foreground, a cwd that is not there': NOT_THERE,
    'foreground, a user that is not there': 'ERR_UNKNOWN_CREDENTIAL',
  },
  listen: {
    "LISTEN_FDS='1000000000'": /EBADF/,
    "LISTEN_FDS='-1'": NOT_THERE,
    "LISTEN_FDS='x'": NOT_THERE,
    "LISTEN_FDS=''": NOT_THERE,
  },
  markers: {},
  files: {},
}
const ELSE = { markers: NOT_THERE }

function complaint({ label, threw, code, syscall, message, changed }, expected) {
  const came = syscall === undefined ? code : `${code} ${syscall}`
  if (threw !== true) return `${label}: was let through`
  if (typeof expected === 'string' && came !== expected) return `${label}: ${came}, not ${expected}: ${message}`
  if (expected instanceof RegExp && !expected.test(message)) return `${label}: not ${expected}: ${message}`
  if (code === 'ERR_PROCNATIVE_DAEMON_EXITED') return `${label}: a daemon was started`
  if (Object.keys(changed).length > 0) return `${label}: changed ${JSON.stringify(changed)}`
  return null
}

const TITLES = {
  options: 'hostile getters, proxies and prototypes',
  strings: 'strings too long or invalid',
  lists: 'lists with holes, 100,000 entries or impostors',
  foreground: 'foreground with missing directory, user or descriptor',
  listen: 'invalid LISTEN_FDS',
  markers: 'invalid marker',
  files: 'marker of another descriptor',
}

for (const [group, expected] of Object.entries(EXPECTED)) {
  test(`daemonize(): throws without a change, ${TITLES[group]}`, { contract: 'E3' }, async () => {
    const ended = await runScript(fixture('package/daemonize-with-hostile-values.mjs'), [group], {
      detached: true,
      env: oneArena(),
    })
    const lines = reports(ended.stdout)
    assert.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, ''], lines.at(-1)?.label)
    const told = lines.filter(({ threw }) => threw !== undefined)
    assert.ok(told.length > 0)
    const missing = Object.keys(expected).filter((label) => !told.some((one) => one.label === label))
    assert.deepEqual(missing, [])
    const complaints = told.map((one) => complaint(one, expected[one.label] ?? ELSE[group])).filter(Boolean)
    assert.deepEqual(complaints, [])
  })
}

// These end the process, close any descriptor, or take it over and close it after a failure.
const DEADLY = ['exitNow', 'close', 'openChannel', 'openListener']
const functions = Object.keys(binding).filter((one) => typeof binding[one] === 'function' && !DEADLY.includes(one))
for (const name of functions) {
  test(`native ${name}(): survives all values of JavaScript`, { contract: 'E3' }, async () => {
    const ended = await runScript(fixture('package/call-native-with-anything.mjs'), [name], {
      detached: true,
      timeout: 60_000,
    })
    const lines = reports(ended.stdout)
    assert.deepEqual([ended.code, ended.signal], [0, null], `${lines.at(-1)?.call} ${ended.stderr}`)
    const { calls, reached, odd } = lines.at(-1)
    assert.ok(calls > 80, `${calls} calls`)
    // Calls that are refused for a type would not test the code behind the checks.
    if (name === 'launch') assert.ok(reached > 100, `${reached} of ${calls} calls came to the kernel`)
    assert.deepEqual(odd, [])
  })
}

test('native launcher link: is released once after wrong calls', { contract: 'E3' }, async () => {
  const program = [process.execPath, ...scriptCommand(fixture('package/misuse-launcher-link.mjs'))]
  const ended = await run('python3', [fixture('package/run-with-launcher-link.py'), ...program]).ended
  assert.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, ''])
  assert.deepEqual(reports(ended.stdout), [
    { settings: 'settings' },
    { released: 'undefined', closed: 'EBADF' },
    { again: 'undefined', told: 'undefined' },
  ])
})

test('system errors: are errors at the end of the stack', { contract: 'E3' }, async () => {
  const ended = await runScript(fixture('package/fail-at-stack-end.mjs'))
  assert.deepEqual([ended.code, ended.signal, ended.stderr], [0, null, ''])
  const [{ outcomes, ...rest }] = reports(ended.stdout)
  assert.deepEqual([outcomes, rest], [Array(3).fill('RangeError'), { after: 'EBADF', isDeep: true }])
})
