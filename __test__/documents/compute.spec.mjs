// examples/compute: a long computation in the server's own process and in a child. The tests check the order of events. A
// computing process is stopped in the middle, so that the order does not depend on its speed.

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
const IDLE = { status: 200, body: 'computing: none\n' }

test('examples/compute: another request waits, computation in the server', async (t) => {
  const { child, request, middle } = await serve(t)
  const computed = answer(request('/compute-here'))
  assert.equal(await middle(), child.pid)

  const other = request('/')
  await once(other, 'finish')
  child.kill('SIGCONT')
  assert.deepEqual(await answer(other), IDLE)
  assert.deepEqual(await computed, COUNTED)
})

test('examples/compute: answers other requests and reaps the child, computation in a child', async (t) => {
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
  assert.deepEqual(await answer(request('/')), IDLE)
})

test('examples/compute: answers 500 and goes on, child killed', async (t) => {
  const { output, request, middle } = await serve(t)
  const computed = answer(request('/compute'))
  const pid = await middle()
  process.kill(pid, 'SIGKILL')
  assert.deepEqual(await computed, { status: 500, body: 'the computation has ended by SIGKILL\n' })
  assert.equal(stat(pid), null)
  assert.equal(output.stderr, 'the computation has ended by SIGKILL\n')
  assert.deepEqual(await answer(request('/')), IDLE)
})

test('examples/compute: the child ends with its client or its server', async (t) => {
  const { child, request, middle } = await serve(t)
  const refused = ({ code }) => assert.equal(code, 'ECONNRESET')
  const first = request('/compute').on('error', refused)
  const pid = await middle()
  first.destroy()
  await until(() => stat(pid) === null, `${pid} is reaped`)

  request('/compute').on('error', refused)
  const other = await middle()
  assert.equal(stat(other).ppid, child.pid)
  child.kill('SIGKILL')
  await until(() => !isAlive(other), `${other} has ended`)
})

test('examples/compute: answers other requests only during /compute', async (t) => {
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
    /** Stops the next process that computes, in the middle of its computation. Returns its pid. */
    async middle() {
      const [, pid] = await until(() => one.all(/^(\d+) begins to count$/gm)[begun], 'a computation has begun')
      begun++
      process.kill(pid, 'SIGSTOP')
      await until(() => stat(pid).state === 'T', `${pid} is stopped`)
      // Two turns receive everything that the process printed before it stopped.
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
