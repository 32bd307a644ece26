// When send() sends, how many system calls that takes, and the duplicates of waiting descriptors. Slow readers are in
// backpressure.spec.mjs.
// runtimes: node, bun

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import {
  arrived,
  bare,
  CLOSED,
  files,
  frames,
  identities,
  identity,
  messages,
  openCount,
  pair,
  peer,
  turns,
  watch,
} from '../helpers/channels.mjs'
import { hasProgram, needs, temporary, test } from '../helpers/harness.mjs'
import { fixture, run, scriptCommand } from '../helpers/run.mjs'

const strace = needs('strace', hasProgram('strace'))

// More bytes than a socket has room for.
const LONG = 'x'.repeat(1 << 20)

/** Returns a channel with a full socket: the next message waits. */
function full(t) {
  const [one, theirs] = bare(t)
  const sent = [one.send(LONG)]
  return { one, theirs, sent }
}

// ── At once ──

test('Channel send(): sends at once if no message is queued', { contract: 'H2' }, (t) => {
  const [one, theirs] = bare(t)
  const all = files(t, 3)
  one.send('first', all)
  const { data, handles } = arrived(t, theirs)
  assert.deepEqual(frames(data), [{ text: '"first"', count: 3, end: 15 }])
  assert.deepEqual(identities(handles), all.map(identity))
})

test('Channel send(): sends 1,000 handles at once in each turn', { contract: 'H2' }, async (t) => {
  const [one, theirs] = bare(t)
  const all = files(t, 1000)
  for (let turn = 0; turn < 3; turn++) {
    one.send(turn, all)
    const { data, handles } = arrived(t, theirs)
    assert.deepEqual(
      frames(data).map(({ text, count }) => [text, count]),
      [[String(turn), 1000]],
    )
    assert.deepEqual(identities(handles), all.map(identity))
    for (const handle of handles) handle.close()
    await turns(1)
  }
})

test('Channel send(): duplicates no descriptor of a message sent at once', { contract: 'H2' }, (t) => {
  const [one] = bare(t)
  const all = files(t, 100)
  const before = openCount()
  one.send('first', all)
  assert.equal(openCount(), before)
})

test('Channel send(): sends the rest of a turn at its end', { contract: 'H2' }, async (t) => {
  const [one, theirs] = bare(t)
  for (let i = 0; i < 100; i++) one.send(i)
  await turns(2)
  assert.deepEqual(
    frames(arrived(t, theirs).data).map(({ text }) => Number(text)),
    [...Array(100).keys()],
  )
})

test('Channel send(): resolves when the kernel has the message, unread', { contract: 'H3' }, async (t) => {
  const [one, theirs] = bare(t)
  await one.send('one')
  await Promise.all([one.send('two'), one.send('three'), one.send('four')])
  assert.equal(frames(arrived(t, theirs).data).length, 4)
})

test('Channel send(): stays pending until the socket has room', { contract: 'H3' }, async (t) => {
  const { one, theirs, sent } = full(t)
  sent.push(one.send('behind it'))
  const watched = sent.map(watch)
  await turns()
  assert.deepEqual(
    watched.map(({ settled }) => settled),
    [false, false],
  )
  const parts = []
  while (!watched[1].settled) {
    parts.push(arrived(t, theirs).data)
    await turns(1)
  }
  parts.push(arrived(t, theirs).data)
  assert.deepEqual(
    frames(Buffer.concat(parts)).map(({ text }) => JSON.parse(text)),
    [LONG, 'behind it'],
  )
})

// ── Together ──

/** Traces a burst of messages with strace. Returns the bytes and the descriptors of each successful sendmsg(). */
async function calls(t, ...args) {
  const trace = path.join(temporary(t), 'trace')
  const options = ['-f', '-qq', '-s', '0', '-o', trace, '-e', 'trace=sendmsg,sendmmsg,write,writev,sendto']
  const program = [process.execPath, ...scriptCommand(fixture('channel/send-burst.mjs'), ...args)]
  const { code, stdout, stderr } = await run('strace', [...options, ...program]).ended
  assert.equal(code, 0, stderr)
  const [fd] = stdout.split('\n')
  return fs
    .readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => line.includes(`(${fd}, `) && /= \d+$/.test(line))
    .map((line) => {
      assert.match(line, /sendmsg\(.*MSG_NOSIGNAL.*= \d+$/)
      assert.match(line, /MSG_DONTWAIT/)
      const [, rights = 16] = line.match(/cmsg_len=(\d+)/) ?? []
      return { bytes: Number(line.match(/= (\d+)$/)[1]), count: (rights - 16) / 4 }
    })
}

const sum = (numbers) => numbers.reduce((total, one) => total + one, 0)

test('Channel send(): sends 1,000 messages with handles by six calls', { contract: 'H2', ...strace }, async (t) => {
  const all = await calls(t, 1000, 1, 10)
  assert.equal(sum(all.map(({ count }) => count)), 1000)
  assert.ok(Math.max(...all.map(({ count }) => count)) <= 253)
  assert.ok(all.length <= 6, `${all.length} calls`)
})

test('Channel send(): sends 1,000 short messages by two calls', { contract: 'H2', ...strace }, async (t) => {
  const all = await calls(t, 1000, 0, 10)
  assert.ok(all.length <= 2, `${all.length} calls`)
})

test('Channel send(): sends 1,000 messages of 1 KiB by 64 KiB each', { contract: 'H2', ...strace }, async (t) => {
  const all = await calls(t, 1000, 0, 1024)
  const total = sum(all.map(({ bytes }) => bytes))
  // Sometimes the socket has less room.
  assert.ok(all.length <= 2 * (total / 65_536) + 2, `${all.length} calls for ${total} bytes`)
})

test('Channel send(): sends 2,000 handles of a message by nine calls', { contract: 'H1', ...strace }, async (t) => {
  const all = await calls(t, 1, 2000, 10)
  assert.equal(sum(all.map(({ count }) => count)), 2000)
  assert.ok(all.length <= 9, `${all.length} calls`)
})

// ── Duplicates ──

test('Channel send(): lets the caller close its descriptor at once', { contract: 'H2' }, async (t) => {
  const [one, other] = pair(t)
  const directory = temporary(t)
  const known = []
  for (let i = 0; i < 300; i++) {
    const fd = fs.openSync(path.join(directory, `file ${i}`), 'w')
    known.push(identity(fd))
    one.send(i, [fd, fd])
    fs.closeSync(fd)
  }
  const found = await messages(t, other, 300)
  for (const [index, { message, handles }] of found.entries()) {
    assert.equal(message, index)
    assert.deepEqual(identities(handles), [known[index], known[index]])
  }
})

test('Channel send(): duplicates waiting descriptors until they are sent', { contract: 'H2' }, async (t) => {
  const { one, theirs, sent } = full(t)
  const all = files(t, 10)
  const before = openCount()
  for (let i = 0; i < 100; i++) sent.push(one.send(i, all))
  assert.equal(openCount(), before + 1000)
  await turns()
  assert.equal(openCount(), before + 1000)
  let received = 0
  const done = watch(Promise.all(sent))
  while (!done.settled) {
    const { handles } = arrived(t, theirs)
    received += handles.length
    for (const handle of handles) handle.close()
    await turns(1)
  }
  for (const handle of arrived(t, theirs).handles) {
    received++
    handle.close()
  }
  assert.equal(received, 1000)
  assert.equal(openCount(), before)
})

test('Channel destroy(): closes the duplicates of waiting descriptors', { contract: 'H2' }, async (t) => {
  const { one, sent } = full(t)
  const all = files(t, 10)
  const before = openCount()
  for (let i = 0; i < 100; i++) sent.push(one.send(i, all))
  one.destroy()
  // The descriptor of the channel is closed, too.
  assert.equal(openCount(), before - 1)
  for (const { reason } of await Promise.allSettled(sent)) assert.equal(reason?.code, CLOSED.code)
})

test('Channel: closes the duplicates of waiting descriptors at EPIPE', { contract: 'H2' }, async (t) => {
  const { one, theirs, sent } = full(t)
  const all = files(t, 10)
  const before = openCount()
  for (let i = 0; i < 100; i++) sent.push(one.send(i, all))
  theirs.close()
  for (const { reason } of await Promise.allSettled(sent)) assert.equal(reason?.code, 'EPIPE')
  assert.ok(openCount() < before)
})

// ── The end of the process ──

for (const [how, title] of [
  ['exit', 'process.exit()'],
  ['end', 'the natural end'],
]) {
  test(`Channel send(): delivers all messages before ${title}`, { contract: 'H3' }, async (t) => {
    for (const many of [[], [300]]) {
      const { end } = peer(t, 'channel/send-then-end.mjs', [how, ...many])
      const expected = [['first', 1], ['second', 1], ...many.map((count) => ['third', count])]
      const found = await messages(t, end, expected.length)
      assert.deepEqual(
        found.map(({ message, handles }) => [message, handles.length]),
        expected,
      )
    }
  })
}

for (const when of ['before', 'after']) {
  test(`Channel send(): delivers from an 'exit' listener added ${when} the package`, { contract: 'H2' }, async (t) => {
    const { end, ended } = peer(t, 'channel/send-at-exit.mjs', [when])
    const found = await messages(t, end, 2)
    assert.deepEqual(
      found.map(({ message }) => message),
      ['one', 'two'],
    )
    assert.deepEqual(await ended(), { code: 0, said: [] })
  })
}
