// Listeners that throw, are added late, or close the channel.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { files, pair, program, turns, watch } from '../helpers/channels.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

test("Channel 'close': comes although a listener of another channel throws", { contract: 'H14' }, async (t) => {
  const { code, said } = await program(t, 'channel/two-listeners-throw.mjs').ended()
  assert.equal(code, 0)
  const [{ thrown, closed }] = said
  assert.deepEqual([thrown, closed.sort()], [2, [1, 2, 4, 5]])
})

for (const handles of [0, 1]) {
  const what = handles ? 'with handles' : 'without handles'
  test(`Channel once('message'): takes messages one by one after the end, ${what}`, { contract: 'H14' }, async (t) => {
    for (const count of [1, 2, 3]) {
      const [one, other] = pair(t)
      const all = files(t, handles)
      for (let number = 0; number < count; number++) await other.send(number, all)
      other.destroy()
      await turns(20)
      const closed = watch(once(one, 'close'))
      for (let number = 0; number < count; number++) {
        // The next message waits for a listener.
        await turns(20)
        assert.equal(closed.settled, false)
        const [next, received] = await once(one, 'message')
        assert.deepEqual([next, received.length], [number, handles])
        for (const handle of received) handle.close()
      }
      await until(() => closed.settled, "'close'")
      assert.equal(one.closed, true)
    }
  })
}

test('Channel close(): keeps earlier messages for a listener that pauses', { contract: 'H14' }, async (t) => {
  const [one, other] = pair(t)
  const [file] = files(t, 1)
  for (let number = 0; number < 5; number++) other.send(number, file)
  const found = []
  let closing
  one.on('message', (message, handles) => {
    found.push([message, handles.length])
    for (const handle of handles) handle.close()
    if (message > 0) return
    one.pause()
    closing = watch(one.close())
  })
  other.close()
  await until(() => closing, 'the first message')
  await turns(50)
  assert.deepEqual([found, closing.settled, one.closed], [[[0, 1]], false, false])
  one.resume()
  await until(() => closing.settled, 'close() resolves')
  assert.deepEqual(
    found,
    [0, 1, 2, 3, 4].map((number) => [number, 1]),
  )
})

test('atEnd(): runs every callback although one throws', { contract: 'H2', ...needs('Node.js', isNode) }, async () => {
  const turn = JSON.stringify(fileURLToPath(new URL('../../lib/channel/end-of-turn.js', import.meta.url)))
  const script = `
    const { atEnd } = require(${turn})
    process.on('unhandledRejection', ({ message }) => console.log(message))
    atEnd(() => { throw new Error('failed') })
    atEnd(() => console.log('done'))
  `
  const { stdout, code } = await run(process.execPath, ['-e', script]).ended
  assert.deepEqual([code, stdout], [0, 'done\nfailed\n'])
})
