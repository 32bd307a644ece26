// Functions for descriptors as numbers, sendFds() and receiving.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { dup, dup2, openFds, recvFds, sendFds, setCloseOnExec, socketpair } from '../../../index.js'
import { Refusal } from '../told.mjs'

export default async function descriptors({ after }) {
  const file = fs.openSync('/dev/null')
  after(() => fs.closeSync(file))
  const copy = dup(file)
  after(() => fs.closeSync(copy))
  dup2(file, copy)
  setCloseOnExec(copy, true)
  if (!openFds().includes(copy)) throw new Refusal('it is not listed')
  for (const type of ['stream', 'seqpacket', 'dgram']) {
    const [one, other] = socketpair(type)
    after(() => one.close())
    after(() => other.close())
    const length = sendFds(one, Buffer.from('text'), [file, copy])
    assert.equal(length, 4)
    const received = recvFds(other)
    for (const handle of received.handles) after(() => handle.close())
    assert.equal(String(received.data), 'text')
    assert.equal(received.handles.length, 2)
  }
}
