// A long computation, in the server's own process and in a child of it: by the order of what happens, whatever the time it
// takes. Who computes is stopped in the middle of it, so that there is an order.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import { example } from '../helpers/example.mjs'
import { test } from '../helpers/harness.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { until } from '../helpers/until.mjs'

const COUNTED = { status: 200, body: '148933\n' }
const COMPUTES_NOBODY = { status: 200, body: 'computing: nobody\n' }

test('003: compute: while the server computes itself, another request waits until it is done', async (t) => {
  const { child, request, middle } = await serve(t)
  const computed = answer(request('/compute-here'))
  assert.equal(await middle(), child.pid)

  const other = request('/')
  await once(other, 'finish')
  child.kill('SIGCONT')
  assert.deepEqual(await answer(other), COMPUTES_NOBODY)
  assert.deepEqual(await computed, COUNTED)
})

test('003: compute: while a child computes, others are answered; the child is reaped then', async (t) => {
  const { child, request, middle } = await serve(t)
  const computed = answer(request('/compute'))
  const pid = await middle()
  assert.equal(stat(pid).ppid, child.pid)

  for (let others = 0; others < 5; others++) {
    assert.deepEqual(await answer(request('/')), { status: 200, body: `computing: ${pid}\n` })
  }
  process.kill(pid, 'SIGCONT')
  assert.deepEqual(await computed, COUNTED)
  assert.equal(stat(pid), null)
  assert.deepEqual(await answer(request('/')), COMPUTES_NOBODY)
})

test('003: compute: when the child crashes, the answer is 500, the child is reaped, and the server goes on', async (t) => {
  const { output, request, middle } = await serve(t)
  const computed = answer(request('/compute'))
  const pid = await middle()
  process.kill(pid, 'SIGKILL')
  assert.deepEqual(await computed, { status: 500, body: 'the computation has ended by SIGKILL\n' })
  assert.equal(stat(pid), null)
  assert.equal(output.stderr, 'the computation has ended by SIGKILL\n')
  assert.deepEqual(await answer(request('/')), COMPUTES_NOBODY)
})

test('003: compute: a child computes for nobody: it ends with its client, and with its server', async (t) => {
  const { child, request, middle } = await serve(t)
  const refused = ({ code }) => assert.equal(code, 'ECONNRESET')
  const first = request('/compute').on('error', refused)
  const pid = await middle()
  first.destroy()
  await until(() => stat(pid) === null, 'it is gone, and reaped')

  request('/compute').on('error', refused)
  const other = await middle()
  assert.equal(stat(other).ppid, child.pid)
  child.kill('SIGKILL')
  await until(() => !isAlive(other), 'it is gone')
})

test('003: compute: the example shows both: none is answered in the one case, and some in the other', async (t) => {
  const { code, stdout, stderr } = await example(t, 'compute').ended()
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.match(
    stdout,
    /^GET \/compute-here 148933 primes; 0 other requests were answered meanwhile, the slowest after \d+ ms$/m,
  )
  assert.match(
    stdout,
    /^GET \/compute {6}148933 primes; [1-9]\d* other requests were answered meanwhile, the slowest after \d+ ms$/m,
  )
  const [server] = stdout.match(/^\d+(?= serves)/m)
  const [first, second] = stdout.match(/^\d+(?= begins)/gm)
  assert.equal(first, server)
  assert.notEqual(second, server)
})

async function serve(t) {
  const one = example(t, 'compute/server.js')
  const [, url] = await one.says(/ serves (\S+)\n/)
  let begun = 0
  return {
    ...one,
    request: (path) => http.get(url + path.slice(1), { agent: false }),
    /** Stops who computes next, in the middle of that; its pid. */
    async middle() {
      const [, pid] = await until(() => one.all(/^(\d+) begins to count$/gm)[begun], 'it has begun')
      begun++
      process.kill(pid, 'SIGSTOP')
      await until(() => stat(pid).state === 'T', 'it is stopped')
      // What it might have said before is heard now.
      await turn()
      await turn()
      assert.doesNotMatch(one.output.stdout, new RegExp(`^${pid} has counted`, 'm'))
      return Number(pid)
    },
  }
}

async function answer(request) {
  const [response] = await once(request, 'response')
  return { status: response.statusCode, body: await text(response) }
}
