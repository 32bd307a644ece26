// A channel to a child that lives as long as the soak, and short channels, all with descriptors.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { channel, fork, recvFds, sendFds, socketpair } from '../../../index.js'
import { inodeOf, openFiles } from '../inodes.mjs'

const ECHO = fileURLToPath(new URL('../programs/echo.mjs', import.meta.url))
const FILES = 7
const MESSAGES = 300

export function channels({ tally, directory }) {
  const { fds, inodes, close } = openFiles(directory, FILES)
  const child = fork(ECHO)
  let number = 0
  // The numbers of descriptors of the messages.
  const indexes = (of) => Array.from({ length: of % 4 }, (_, index) => (of + index) % FILES)

  // Resolves when all messages have come back in order, each with its descriptors.
  function answers(from, count, first) {
    let next = first
    return new Promise((resolve, reject) => {
      function settled(action, value) {
        from.off('message', answered).off('error', reject)
        action(value)
      }
      function answered(message, handles) {
        try {
          const came = handles.map(({ fd }) => inodeOf(fd))
          for (const handle of handles) handle.close()
          assert.equal(message.number, next)
          assert.deepEqual(
            came,
            indexes(next).map((index) => inodes[index]),
          )
          tally.came('messages')
          tally.came('descriptors', handles.length)
          if (++next === first + count) settled(resolve)
        } catch (error) {
          settled(reject, error)
        }
      }
      from.on('message', answered).on('error', reject)
    })
  }
  async function exchange(by, from, count) {
    const first = number
    number += count
    const answered = answers(from, count, first)
    const sent = []
    for (let one = first; one < first + count; one++) {
      const handles = indexes(one).map((index) => fds[index])
      sent.push(by.send({ number: one }, handles))
      tally.out('messages')
      tally.out('descriptors', handles.length)
    }
    await Promise.all([...sent, answered])
  }

  async function pair() {
    const [one, other] = socketpair().map((end) => channel(end))
    await exchange(one, other, 20)
    await Promise.all([one.close(), other.close()])
  }
  function packets() {
    for (const type of ['stream', 'seqpacket', 'dgram']) {
      const [one, other] = socketpair(type)
      tally.out('messages')
      tally.out('descriptors', FILES)
      assert.equal(sendFds(one, Buffer.from(type), fds), type.length)
      const { data, handles } = recvFds(other)
      assert.equal(String(data), type)
      assert.deepEqual(
        handles.map(({ fd }) => inodeOf(fd)),
        inodes,
      )
      tally.came('messages')
      tally.came('descriptors', handles.length)
      for (const handle of [one, other, ...handles]) handle.close()
    }
  }
  return {
    async round() {
      packets()
      await Promise.all([exchange(child.handles, child.handles, MESSAGES), pair(), pair()])
    },
    async stop() {
      const exit = once(child, 'exit')
      await child.handles.close()
      child.disconnect()
      assert.deepEqual(await tally.awaited("'exit' events", exit), [0, null])
      close()
    },
  }
}
