// Waits for children of procnative, for children of the runtime, and for other processes.

import assert from 'node:assert/strict'
import childProcess from 'node:child_process'
import { once } from 'node:events'
import { openProcess, spawn, wait, waitpid } from '../../../index.js'
import { Refusal } from '../told.mjs'

export default async function waiting({ after }) {
  const started = () => {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
    after(() => child.close())
    after(() => child.kill('SIGKILL'))
    return child
  }
  const synchronous = started()
  assert.equal(waitpid(synchronous.pid, { nohang: true }), null)
  for (const [signal, state] of [
    ['SIGSTOP', 'stopped'],
    ['SIGCONT', 'continued'],
    ['SIGKILL', 'killed'],
  ]) {
    if (!synchronous.kill(signal)) throw new Refusal('it is gone')
    assert.equal(waitpid(synchronous.pid, { untraced: true, continued: true }).state, state)
  }

  const twice = started()
  const both = Promise.allSettled([wait(twice.pid), twice.wait()])
  process.kill(twice.pid)
  const settled = await both
  for (const one of settled) if (one.reason) throw one.reason
  assert.deepEqual(
    settled.map(({ value }) => value.signal),
    ['SIGTERM', 'SIGTERM'],
  )

  const runtimes = childProcess.spawn('sleep', ['1000'], { stdio: 'ignore' })
  const exit = once(runtimes, 'exit')
  after(() => {
    runtimes.kill('SIGKILL')
    return exit
  })
  const controller = new AbortController()
  const left = wait(runtimes.pid, { observe: true, signal: controller.signal })
  controller.abort()
  await assert.rejects(left, (error) => {
    if (error.name !== 'AbortError') throw error
    return true
  })
  const observed = wait(runtimes.pid, { observe: true })
  observed.catch(() => {})
  const opened = openProcess(runtimes.pid)
  after(() => opened.close())
  if (!opened.kill()) throw new Refusal('it is gone')
  assert.equal((await observed).pid, runtimes.pid)
  assert.equal((await opened.wait()).pid, runtimes.pid)

  // The Process is closed before the child's end, and procnative still reaps the child.
  const forgotten = spawn('sleep', ['1000'], { stdio: 'ignore' })
  after(() => process.kill(forgotten.pid, 'SIGKILL'))
  after(() => forgotten.close())
  forgotten.close()
}
