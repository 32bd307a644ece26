// The runner whose process this is: node:test, jest or ava. Each takes what the harness has to register: a title, options,
// and a body, which is given `signal`, aborted when the time is over, and `skip`.

import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'

// ava has each test file run by this script of its own.
const AVA_WORKER = /\/ava\/lib\/worker\//

function jest({ test }) {
  return (title, { timeout, skip }, body) => {
    if (skip) return test.skip(`${title} # ${skip}`, () => {})
    test(title, () => body({ signal: AbortSignal.timeout(timeout), skip: console.warn }), timeout)
  }
}

function ava({ serial: test }) {
  return (title, { timeout, skip }, body) => {
    if (skip) return test.skip(`${title} # ${skip}`, () => {})
    test(title, async (t) => {
      t.timeout(timeout)
      await body({ signal: AbortSignal.timeout(timeout), skip: t.log })
      // ava wants an assertion of its own.
      t.pass()
    })
  }
}

async function nodeTest() {
  const { test } = await import('node:test')
  return (title, options, body) => test(title, options, body)
}

const isJest = import.meta.jest !== undefined
const isAva = AVA_WORKER.test(process.argv[1])

/** Registers a test. */
export const register = isJest
  ? jest(globalThis)
  : isAva
    ? ava(createRequire(process.argv[1])('ava'))
    : await nodeTest()

/**
 * The value of the variable that marks all processes that this test file starts. In jest process.env is a copy, which
 * children do not get: there, whoever starts jest has put one into the real environment.
 */
export const markedBy = (name) => (isJest && process.env[name]) || randomUUID()
