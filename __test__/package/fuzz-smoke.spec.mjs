// npm run test:fuzz: a short run, and the errors that it reports. The whole run takes ten minutes and is run by hand.

import assert from 'node:assert/strict'
import path from 'node:path'
import { isPermitted } from '../../hardening/fuzz/round.mjs'
import { complaint, Thrown } from '../../hardening/fuzz/shape.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { root, runScript } from '../helpers/run.mjs'

const FUZZ = path.join(root, 'hardening/fuzz/fuzz.mjs')

test(
  'fuzz: three seconds of random calls find no problem',
  needs('Node.js, root and unshare', isNode && isPermitted()),
  async () => {
    const { code, stdout, stderr } = await runScript(FUZZ, ['--seconds', 3, '--seed', 1])
    assert.deepEqual([code, stderr], [0, ''], stdout)
    assert.match(stdout, /^[1-9]\d+ calls in [1-9]\d* rounds from seed 1, \d+ seconds: 0 problems$/m)
  },
)

const like = (error, properties) => Object.assign(error, properties)
const system = { code: 'EPERM', errno: -1, syscall: 'setsid' }

test('fuzz: accepts system errors, argument errors and aborts', () => {
  for (const error of [
    like(new Error('EPERM'), system),
    like(new TypeError(), { code: 'ERR_INVALID_ARG_TYPE' }),
    like(new RangeError(), { code: 'ERR_OUT_OF_RANGE' }),
    like(new Error(), { code: 'ERR_PROCNATIVE_RUNTIME' }),
    new Thrown(),
    AbortSignal.abort().reason,
  ]) {
    assert.equal(complaint(error, false), null)
  }
  assert.equal(complaint(new TypeError('Cannot read private member'), true), null)
})

for (const [what, error, expected] of [
  ['a panic', like(new Error('panicked at src/error.rs'), system), /^a panic/],
  ['no code', new TypeError('x is not a function'), /^no code/],
  ["napi's own codes", like(new Error(), { code: 'InvalidArg' }), /^of an unknown shape/],
  ['a system error without its call', like(new Error(), { ...system, syscall: undefined }), /^of an unknown shape/],
  ['the wrong class', like(new Error(), { code: 'ERR_OUT_OF_RANGE' }), /^of the wrong class/],
  ['a thrown number', 5, /^not an Error: 5$/],
]) {
  test(`fuzz: reports ${what}`, () => assert.match(complaint(error, false), expected))
}
