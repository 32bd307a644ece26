// The stdio options of fork(), and failed starts.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { fork } from '../../index.js'
import { events, openCount, program } from '../helpers/channels.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { fixture, limitedTo } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'
import { answer, forked } from './helpers/fork.mjs'

const onlyNode = needs('Node.js, whose child_process has its own channel', isNode)

for (const [title, options, streams, fd] of [
  ['default options', {}, [null, null, null], 4],
  ['silent: true', { silent: true }, ['writable', 'readable', 'readable'], 4],
  ["stdio 'pipe'", { stdio: 'pipe' }, ['writable', 'readable', 'readable'], 4],
  ["stdio 'ignore'", { stdio: 'ignore' }, [null, null, null], 4],
  ['an array with streams', { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] }, [null, 'readable', null], 4],
  ["an array with 'ipc' first", { stdio: ['ipc', 'pipe', 'inherit'] }, [null, 'readable', null], 3],
  ["an array of only 'ipc'", { stdio: ['ipc'] }, [null, 'readable', 'readable'], 3],
  ["an array with 'ipc' as stderr", { stdio: ['ignore', 'pipe', 'ipc'] }, [null, 'readable', null], 3],
  ['an array of six', { stdio: ['ignore', 'pipe', 'inherit', 'ignore', 'ipc', 'pipe'] }, [null, 'readable', null], 6],
]) {
  test(`fork(): keeps ${title}, adds the channel`, { contract: 'H11', ...onlyNode }, async (t) => {
    const before = structuredClone(options)
    const child = forked(t, options)
    assert.deepEqual(options, before)
    const found = [child.stdin, child.stdout, child.stderr].map((stream) =>
      stream === null ? null : stream.readable ? 'readable' : 'writable',
    )
    assert.deepEqual(found, streams)
    const { PROCNATIVE_CHANNEL_FD } = await answer(t, child, 'environment', [])
    assert.equal(Number.parseInt(PROCNATIVE_CHANNEL_FD, 10), fd)
    child.send('Node')
    assert.deepEqual((await once(child, 'message'))[0], { answer: 'Node' })
    if (child.stdout) {
      await answer(t, child, 'print', [], 'to stdout')
      assert.equal(String((await once(child.stdout, 'data'))[0]), 'to stdout')
    }
    if (title === 'an array of six') {
      assert.equal(child.stdio[3], null)
      await answer(t, child, 'write', [], 5, 'to 5')
      assert.equal(String((await once(child.stdio[5], 'data'))[0]), 'to 5')
    }
  })
}

test('fork(): refuses wrong options as child_process does, leaves no descriptor', {
  contract: 'H11',
  ...onlyNode,
}, () => {
  const before = openCount()
  assert.throws(() => fork(fixture('channel/obey-parent.mjs'), [], { stdio: ['ignore', 'pipe', 'inherit'] }), {
    code: 'ERR_CHILD_PROCESS_IPC_REQUIRED',
  })
  assert.throws(() => fork(1), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => fork(fixture('channel/obey-parent.mjs'), 'text'), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.throws(() => fork(fixture('channel/obey-parent.mjs'), [], { channel: { maxHandle: 1 } }), {
    code: 'ERR_INVALID_ARG_VALUE',
  })
  assert.throws(() => fork(fixture('channel/obey-parent.mjs'), [], { channel: 1 }), { code: 'ERR_INVALID_ARG_TYPE' })
  assert.equal(openCount(), before)
})

test('fork(): leaves no descriptor if the child can’t start', { contract: 'H11', ...onlyNode }, async () => {
  const before = openCount()
  const child = fork(fixture('channel/obey-parent.mjs'), [], { execPath: '/nowhere/node' })
  const all = events(child.handles)
  const [error] = await once(child, 'error')
  assert.equal(error.code, 'ENOENT')
  await until(() => all.length > 0, 'its channel is closed')
  assert.deepEqual(all, ['close'])
  await until(() => openCount() === before, 'no descriptor is left')
})

test('fork(): leaves no descriptor if descriptors run out', { contract: 'H9', ...onlyNode }, async (t) => {
  const { code, said } = await program(t, 'channel/fork-without-descriptors.mjs', [], {
    prefix: limitedTo(64),
  }).ended()
  assert.equal(code, 0)
  assert.deepEqual(
    said.map(({ free, left }) => [free, left]),
    [0, 1, 2, 0, 1, 2].map((free) => [free, 0]),
  )
  for (const { outcome } of said) assert.match(outcome, /^EMFILE/)
})
