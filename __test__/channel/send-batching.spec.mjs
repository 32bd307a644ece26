// H2, H3: when and how messages go out, and what becomes of what waits. Who is slow to read is in channel-flow.spec.mjs.
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

// More than a socket has room for.
const LONG = 'x'.repeat(1 << 20)

/** A channel whose peer has not read what fills the socket: whatever is sent now waits. */
function full(t) {
  const [one, theirs] = bare(t)
  const sent = [one.send(LONG)]
  return { one, theirs, sent }
}

// ── At once ──

test('what is sent while nothing is on its way is there when send() returns, with its handles', {
  contract: 'H2',
}, (t) => {
  const [one, theirs] = bare(t)
  const all = files(t, 3)
  one.send('first', all)
  const { data, handles } = arrived(t, theirs)
  assert.deepEqual(frames(data), [{ text: '"first"', count: 3, end: 15 }])
  assert.deepEqual(identities(handles), all.map(identity))
})

test('also with 1,000 handles, and in each turn', { contract: 'H2' }, async (t) => {
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

test('of what goes out at once nothing is duplicated', { contract: 'H2' }, (t) => {
  const [one] = bare(t)
  const all = files(t, 100)
  const before = openCount()
  one.send('first', all)
  assert.equal(openCount(), before)
})

test('the rest of the turn has gone when the turn is over, though nobody awaits it', { contract: 'H2' }, async (t) => {
  const [one, theirs] = bare(t)
  for (let i = 0; i < 100; i++) one.send(i)
  await turns(2)
  assert.deepEqual(
    frames(arrived(t, theirs).data).map(({ text }) => Number(text)),
    [...Array(100).keys()],
  )
})

test('send() resolves when the kernel has the message, read or not', { contract: 'H3' }, async (t) => {
  const [one, theirs] = bare(t)
  await one.send('one')
  await Promise.all([one.send('two'), one.send('three'), one.send('four')])
  assert.equal(frames(arrived(t, theirs).data).length, 4)
})

test('and no sooner: what there is no room for is pending, until there is', { contract: 'H3' }, async (t) => {
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

/** What a burst of messages costs, as strace tells: the bytes and the descriptors of each sendmsg() that went well. */
async function calls(t, ...args) {
  const trace = path.join(temporary(t), 'trace')
  const options = ['-f', '-qq', '-s', '0', '-o', trace, '-e', 'trace=sendmsg,sendmmsg,write,writev,sendto']
  const program = [process.execPath, ...scriptCommand(fixture('channel/burst.mjs'), ...args)]
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

test('1,000 messages with a handle each, in one turn, go with six calls, with up to 253 handles', {
  contract: 'H2',
  ...strace,
}, async (t) => {
  const all = await calls(t, 1000, 1, 10)
  assert.equal(sum(all.map(({ count }) => count)), 1000)
  assert.ok(Math.max(...all.map(({ count }) => count)) <= 253)
  assert.ok(all.length <= 6, `${all.length} calls`)
})

test('1,000 short messages without handles, in one turn, go with two calls', {
  contract: 'H2',
  ...strace,
}, async (t) => {
  const all = await calls(t, 1000, 0, 10)
  assert.ok(all.length <= 2, `${all.length} calls`)
})

test('1,000 messages of 1 KiB, in one turn, go with 64 KiB each', { contract: 'H2', ...strace }, async (t) => {
  const all = await calls(t, 1000, 0, 1024)
  const total = sum(all.map(({ bytes }) => bytes))
  // Now and then there is not that much room.
  assert.ok(all.length <= 2 * (total / 65_536) + 2, `${all.length} calls for ${total} bytes`)
})

test('2,000 handles of one message go with nine calls', { contract: 'H1', ...strace }, async (t) => {
  const all = await calls(t, 1, 2000, 10)
  assert.equal(sum(all.map(({ count }) => count)), 2000)
  assert.ok(all.length <= 9, `${all.length} calls`)
})

// ── Duplicates ──

test('the caller may close a descriptor right after send(), and use its number for another', {
  contract: 'H2',
}, async (t) => {
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

test('what waits is duplicated, once for each handle, and closed when it is sent', { contract: 'H2' }, async (t) => {
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

test('and when it is destroyed: what waits is rejected', { contract: 'H2' }, async (t) => {
  const { one, sent } = full(t)
  const all = files(t, 10)
  const before = openCount()
  for (let i = 0; i < 100; i++) sent.push(one.send(i, all))
  one.destroy()
  // Its own is gone, too.
  assert.equal(openCount(), before - 1)
  for (const { reason } of await Promise.allSettled(sent)) assert.equal(reason?.code, CLOSED.code)
})

test('and when it fails, since the peer is gone: EPIPE', { contract: 'H2' }, async (t) => {
  const { one, theirs, sent } = full(t)
  const all = files(t, 10)
  const before = openCount()
  for (let i = 0; i < 100; i++) sent.push(one.send(i, all))
  theirs.close()
  for (const { reason } of await Promise.allSettled(sent)) assert.equal(reason?.code, 'EPIPE')
  assert.ok(openCount() < before)
})

// ── What is on its way when the process ends ──

for (const how of ['exit', 'end']) {
  test(`'${how}' right after two or three messages in a turn: all arrive, with their handles`, {
    contract: 'H3',
  }, async (t) => {
    for (const many of [[], [300]]) {
      const { end } = peer(t, 'channel/leaves.mjs', [how, ...many])
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
  test(`two messages in a listener of 'exit' that was there ${when} the package: both arrive`, {
    contract: 'H2',
  }, async (t) => {
    const { end, ended } = peer(t, 'channel/exits.mjs', [when])
    const found = await messages(t, end, 2)
    assert.deepEqual(
      found.map(({ message }) => message),
      ['one', 'two'],
    )
    assert.deepEqual(await ended(), { code: 0, said: [] })
  })
}
