// Handle adopt() of terminals.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import tty from 'node:tty'
import { adopted } from '../helpers/adopted.mjs'
import { isOpen, made } from '../helpers/handles.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { until } from '../helpers/until.mjs'

const NODE = needs('Node.js', isNode)

/** Opens a terminal. Returns its handles, `user` to type, and `shows()` to wait for output. */
function terminal(context) {
  const [master, both, reads, writes] = made(context, 'terminal')
  const user = adopted(context, master)
  let shown = ''
  user.setEncoding('utf8').on('data', (text) => {
    shown += text
  })
  // EIO, when no process has the terminal open any more.
  user.on('error', () => {})
  return { both, reads, writes, user, shows: (text) => until(() => shown.includes(text), `${text} is shown`) }
}

const VERBS = { reads: 'read', writes: 'write', both: 'read and write' }

for (const end of ['reads', 'both']) {
  test(`Handle adopt(): makes a terminal a tty.ReadStream, open to ${VERBS[end]}`, {
    contract: 'H8',
    ...NODE,
  }, async (t) => {
    const { [end]: handle, user } = terminal(t)
    const stream = adopted(t, handle)
    assert.ok(stream instanceof tty.ReadStream)
    assert.equal(stream.isTTY, true)
    assert.throws(() => handle.fd, { code: 'ERR_PROCNATIVE_HANDLE_CLOSED' })
    stream.setEncoding('utf8')
    user.write('typed\n')
    assert.deepEqual(await once(stream, 'data'), ['typed\n'])
    // setRawMode() changes the terminal: a key arrives at once, without the line discipline.
    stream.setRawMode(true)
    user.write('k')
    assert.deepEqual(await once(stream, 'data'), ['k'])
    stream.setRawMode(false)
  })
}

test('Handle adopt(): makes a terminal a tty.WriteStream, open to write', { contract: 'H8', ...NODE }, async (t) => {
  const { writes, shows } = terminal(t)
  const stream = adopted(t, writes)
  assert.ok(stream instanceof tty.WriteStream)
  assert.deepEqual([stream.isTTY, stream.getWindowSize().length], [true, 2])
  assert.throws(() => writes.fd, { code: 'ERR_PROCNATIVE_HANDLE_CLOSED' })
  stream.write('written\n')
  await shows('written\r\n')
})

test('Handle adopt(): keeps input that was typed before', { contract: 'H8', ...NODE }, async (t) => {
  const { reads, user, shows } = terminal(t)
  user.write('typed before\n')
  // The terminal echoes its input.
  await shows('typed before')
  assert.equal(reads.kind, 'tty')
  const stream = adopted(t, reads)
  assert.deepEqual(await once(stream.setEncoding('utf8'), 'data'), ['typed before\n'])
})

for (const end of ['both', 'reads', 'writes']) {
  test(`Handle adopt(): destroy() closes the terminal, open to ${VERBS[end]}`, {
    contract: 'H8',
    ...NODE,
  }, async (t) => {
    const { [end]: handle } = terminal(t)
    const { fd } = handle
    const stream = adopted(t, handle)
    stream.destroy()
    await once(stream, 'close')
    await until(() => !isOpen(fd), 'the descriptor is closed')
  })
}
