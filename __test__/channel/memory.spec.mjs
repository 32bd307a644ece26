// Messages longer than a string can be, and messages that do not fit into memory.

import assert from 'node:assert/strict'
import { constants } from 'node:buffer'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import os from 'node:os'
import { files, pair, peer, program } from '../helpers/channels.mjs'
import { hasProgram, isNode, needs, test } from '../helpers/harness.mjs'

const GiB = 2 ** 30
const LONGEST = constants.MAX_STRING_LENGTH
const options = { maxMessageLength: 2 ** 31 - 1 }
const roomy = needs('Node.js, and 8 GiB of memory that is free', isNode && os.freemem() > 8 * GiB)

/** Records a peer's texts: 'first', the length of the long one, the short ones after it; and the error. */
function heard(end) {
  const found = { messages: [] }
  end.on('message', (message) => found.messages.push(message.length > 100 ? message.length : message))
  end.on('error', ({ code, message }) => Object.assign(found, { code, message }))
  return found
}

test('Channel: refuses a text longer than a string, delivers earlier messages', roomy, async (t) => {
  const { end } = peer(t, 'channel/send-long-text.py', [LONGEST + 3, 1], { options })
  const found = heard(end)
  await once(end, 'close').catch(() => {})
  assert.deepEqual(found, {
    messages: ['first'],
    code: 'ERR_PROCNATIVE_MESSAGE_TOO_LONG',
    message: `The peer sent a message longer than the longest string (${LONGEST} UTF-16 units). Send it in parts`,
  })
})

test('Channel: refuses a text longer than a string, with many handles', async (t) => {
  const { json } = createRequire(import.meta.url)('../../lib/channel/serialization.js')
  const { longestText } = json
  t.after(() => {
    json.longestText = longestText
  })
  json.longestText = 100
  const [one, other] = pair(t)
  const found = heard(other)
  const [file] = files(t, 1)
  // With this many descriptors, the channel reads again at once.
  one.send('x'.repeat(200), Array(200).fill(file))
  await once(other, 'close').catch(() => {})
  assert.deepEqual([found.messages, found.code], [[], 'ERR_PROCNATIVE_MESSAGE_TOO_LONG'])
})

test('Channel: delivers the longest possible text, and messages behind it', roomy, async (t) => {
  const { end, ended } = peer(t, 'channel/send-long-text.py', [LONGEST, 3], { options })
  const found = heard(end)
  await new Promise((resolve) => {
    end.on('message', () => found.messages.length === 5 && resolve())
    end.on('error', resolve)
  })
  assert.deepEqual(found, { messages: ['first', LONGEST - 2, 'more', 'more', 'more'] })
  end.destroy()
  await ended()
})

test('Channel send(): sends whole texts, more than 2 GiB queued', { ...roomy, timeout: 600_000 }, async (t) => {
  // JSON.stringify() of a longer text ends Node.js 26: V8 runs out of memory for one of its zones.
  const LENGTH = 2 ** 27
  const COUNT = 18
  const { end, ended } = peer(t, 'channel/print-lengths.py', [COUNT + 3], { options })
  const long = 'x'.repeat(LENGTH)
  const sent = Array.from({ length: COUNT }, () => end.send(long))
  for (const short of ['a', 'bb', 'ccc']) sent.push(end.send(short))
  await Promise.all(sent)
  const lengths = [...Array(COUNT).fill(LENGTH), 1, 2, 3].map((length) => ({ length: length + 2 }))
  assert.deepEqual((await ended()).said, lengths)
})

const limits = needs('Node.js and prlimit, of util-linux', isNode && hasProgram('prlimit'))

test('Channel: reports ENOMEM, no memory for a message', limits, async (t) => {
  const { code, said } = await program(t, 'channel/exceed-memory.mjs').ended()
  assert.deepEqual(
    [code, said],
    [
      0,
      [
        { send: { code: 'ENOMEM', syscall: 'sendmsg' } },
        { goes: 'on' },
        { receive: { code: 'ENOMEM', syscall: 'recvmsg' } },
      ],
    ],
  )
})
