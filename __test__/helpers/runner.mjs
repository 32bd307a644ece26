// The runner of this process: node:test, jest or ava. Each registers a title, options and a body. The body gets `skip` and
// `signal`, which is aborted when the test ends or its time is over.

import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'

// ava runs each test file by this script.
const AVA_WORKER = /\/ava\/lib\/worker\//

// Like the signal of node:test. The timer is cleared, because a later timer would abort the signal during another test.
async function limited(body, timeout, skip) {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), timeout)
  try {
    await body({ signal: controller.signal, skip })
  } finally {
    clearTimeout(timer)
    controller.abort()
  }
}

function jest({ test }) {
  return (title, { timeout, skip }, body) => {
    if (skip) return test.skip(`${title} # ${skip}`, () => {})
    test(title, () => limited(body, timeout, console.warn), timeout)
  }
}

function ava({ serial: test }) {
  return (title, { timeout, skip }, body) => {
    if (skip) return test.skip(`${title} # ${skip}`, () => {})
    test(title, async (t) => {
      t.timeout(timeout)
      await limited(body, timeout, t.log)
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
 * Returns the value of the variable that marks all processes started by this test file. In jest, process.env is a copy that
 * children do not inherit, so the program that starts jest has put the variable into the real environment.
 */
export const markedBy = (name) => (isJest && process.env[name]) || randomUUID()
