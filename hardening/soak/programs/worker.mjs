// A worker thread that spawns, waits and sends, reports how many calls have ended, and ends in the requested way.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { workerData as how, parentPort } from 'node:worker_threads'
import { channel, listenUnix, socketpair, spawn, wait } from '../../../index.js'

const CHILDREN = 4
const MESSAGES = 10

async function child(exitCode) {
  const { pid } = spawn('/bin/sh', ['-c', `exit ${exitCode}`], { stdio: 'ignore' })
  assert.equal((await wait(pid)).exitCode, exitCode)
}

function closeAll(handles) {
  for (const handle of handles) handle.close()
}

const ends = socketpair().map((end) => channel(end))
const [one, other] = ends
async function messages() {
  const sent = listenUnix(`@procnative-soak-${process.pid}-${Math.random()}`)
  for (let number = 0; number < MESSAGES; number++) {
    const came = once(other, 'message')
    await one.send(number, sent)
    const [message, handles] = await came
    assert.deepEqual([message, handles.map(({ kind }) => kind)], [number, ['unix-server']])
    closeAll(handles)
  }
  sent.close()
}

await Promise.all([messages(), ...Array.from({ length: CHILDREN }, (_, index) => child(index))])
const report = { statuses: CHILDREN, messages: MESSAGES, descriptors: MESSAGES, left: null }
if (how === 'end') await Promise.all(ends.map((end) => end.close()))
if (how !== 'terminate') parentPort.postMessage(report)
if (how === 'exit') process.exit(5)
if (how === 'terminate') {
  const left = spawn('sleep', ['1000'], { stdio: 'ignore' })
  left.wait()
  other.on('message', (_, handles) => closeAll(handles))
  for (let number = 0; number < MESSAGES; number++) one.send('x'.repeat(100_000), [0, 1, 2])
  parentPort.postMessage({ ...report, left: left.pid })
}
