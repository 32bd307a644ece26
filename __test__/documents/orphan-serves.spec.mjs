// examples/orphan-serves: a server and the child that holds it outlive the process that opened the server.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { openProcess } from '../../index.js'
import { assertStatus, exited } from '../helpers/children.mjs'
import { end } from '../helpers/daemon.mjs'
import { example } from '../helpers/example.mjs'
import { foster } from '../helpers/foster.mjs'
import { test } from '../helpers/harness.mjs'
import { stat } from '../helpers/proc.mjs'

test('examples/orphan-serves: the worker of an ended master serves until SIGTERM', async (t) => {
  const { child, ended } = example(t, 'orphan-serves')
  const { code, stdout, stderr } = await ended()
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })

  const [, created, ppid] = stdout.match(/^worker process created, pid: (\d+) ppid: (\d+)$/m)
  assert.equal(Number(ppid), child.pid)
  const pid = Number(created)
  t.after(() => end(pid))
  const [url] = stdout.match(/http:\S+/)

  // The master was reaped and left no zombie. Init, or a nearer subreaper, adopts the worker.
  assert.equal(stat(child.pid), null)
  const parent = foster(t)
  assert.equal(stat(pid).ppid, parent)
  for (let request = 0; request < 5; request++) {
    assert.equal(await ask(url), `I am worker, pid: ${pid}, ppid: ${parent}\n`)
  }
  // The worker is no daemon: it stays in the session of this test.
  assert.equal(stat(pid).session, stat('self').session)

  const worker = openProcess(pid)
  t.after(() => worker.close())
  worker.kill('SIGTERM')
  assertStatus(await worker.wait(), exited(pid, 0))
  await assert.rejects(ask(url), { code: 'ECONNREFUSED' })
})

async function ask(url) {
  const [response] = await once(http.get(url, { agent: false }), 'response')
  return text(response)
}
