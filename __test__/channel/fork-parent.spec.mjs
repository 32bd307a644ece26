// parentChannel() in children of fork(), in grandchildren, and with wrong environment variables.
// runtimes: node, bun

import assert from 'node:assert/strict'
import childProcess from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { Worker } from 'node:worker_threads'
import { channel, fork, parentChannel, socketpair, spawn } from '../../index.js'
import { listen, messages, program, words } from '../helpers/channels.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { fixture, library, scriptCommand } from '../helpers/run.mjs'

const onlyNode = needs('Node.js, whose child_process has its own channel', isNode)

function forked(t, script, args) {
  const child = fork(fixture(script), args)
  const exit = once(child, 'exit')
  t.after(async () => {
    child.handles.destroy()
    child.kill('SIGKILL')
    await exit
  })
  return child
}

test('parentChannel(): is null without fork()', { contract: 'H11' }, () => {
  assert.equal(parentChannel(), null)
  assert.equal(parentChannel(), null)
})

test('parentChannel(): is null in a worker thread', onlyNode, async () => {
  const script = `
    const { parentPort } = require('node:worker_threads')
    parentPort.postMessage(require(${JSON.stringify(library)}).parentChannel())`
  const worker = new Worker(script, { eval: true })
  const exit = once(worker, 'exit')
  assert.deepEqual(await once(worker, 'message'), [null])
  await exit
})

for (const [title, how] of [
  ['nothing', 'nothing'],
  ['/dev/null', 'ignore'],
  ['a file', 'file'],
  ['another socket', 'pipe'],
]) {
  test(`parentChannel(): is null in a grandchild with ${title} at the number`, {
    contract: 'H11',
    ...onlyNode,
  }, async (t) => {
    const child = forked(t, 'channel/start-grandchild.mjs', [how])
    assert.deepEqual(await words(t, child.handles, 1), [{ variable: true, channel: false }])
  })
}

test('parentChannel(): returns the channel in a grandchild that inherits its descriptor', {
  contract: 'H11',
  ...onlyNode,
}, async (t) => {
  const child = forked(t, 'channel/start-grandchild.mjs', ['own'])
  assert.deepEqual(await words(t, child.handles, 1), [{ variable: true, channel: true }])
})

test('parentChannel(): returns a new channel in a grandchild of fork()', {
  contract: 'H11',
  ...onlyNode,
}, async (t) => {
  const child = forked(t, 'channel/start-grandchild.mjs', ['fork'])
  assert.deepEqual(await words(t, child.handles, 1), [{ variable: true, channel: true }])
})

test('parentChannel(): its descriptor reaches no other child of the process', {
  contract: 'H11',
  ...onlyNode,
}, async (t) => {
  for (const how of ['before', 'after']) {
    const child = forked(t, 'channel/list-child-descriptors.mjs', [how])
    const [{ all, channel }] = await words(t, child.handles, 1)
    // The grandchild has at least its own three descriptors.
    assert.ok(all > 3)
    assert.deepEqual(channel, [], how)
  }
})

for (const [title, variable] of [
  ['garbage', 'garbage'],
  ['nothing', ''],
  ['no number', 'x:1'],
  ['a closed descriptor', '1000000:1'],
  ['too high a descriptor', '99999999999999999999:1'],
  ['standard input', `0:${fs.fstatSync(0).ino}`],
  ['no inode', '0'],
  ['another inode', '3:1'],
]) {
  test(`parentChannel(): is null if the variable says ${title}`, { contract: 'H11' }, async (t) => {
    const [ours, theirs] = socketpair()
    const before = process.env.PROCNATIVE_CHANNEL_FD
    t.after(() => [ours, theirs].map((handle) => handle.close()))
    process.env.PROCNATIVE_CHANNEL_FD = variable
    const started = program(t, 'channel/greet-parent.mjs', [], { stdio: [theirs.fd] })
    if (before === undefined) delete process.env.PROCNATIVE_CHANNEL_FD
    assert.deepEqual(await started.ended(), { code: 0, said: [{ channel: false }] })
  })
}

test('spawn(): passes a channel to any program, as in docs/wire-format.md', { contract: 'H11' }, async (t) => {
  for (const more of ['', ':json:16777216:1024', ':advanced:1000:2']) {
    const [ours, theirs] = socketpair()
    const { ino } = fs.fstatSync(theirs.fd)
    const env = { ...process.env, PROCNATIVE_CHANNEL_FD: `3:${ino}${more}` }
    const stdio = ['inherit', 'ignore', 'inherit', theirs]
    const child = spawn(process.execPath, scriptCommand(fixture('channel/greet-parent.mjs')), { stdio, env })
    theirs.close()
    const one = channel(ours, more.includes('advanced') ? { serialization: 'advanced' } : {})
    t.after(async () => {
      one.destroy()
      await child.wait()
      child.close()
    })
    assert.equal((await messages(t, one, 1))[0].message, 'there')
  }
})

for (const limits of ['', ':', 'Infinity:Infinity', '1e99:1e99', '-1:-1', '4294967297:4294967297']) {
  test(`parentChannel(): takes default limits if the variable says '${limits}'`, { contract: 'H11' }, async (t) => {
    const most = { length: 16 * 1024 * 1024, handles: 1024 }
    for (const [more, code] of [
      [{ length: most.length + 1, handles: 0 }, 'ERR_PROCNATIVE_MESSAGE_TOO_LONG'],
      [{ length: 1, handles: most.handles + 1 }, 'ERR_PROCNATIVE_TOO_MANY_HANDLES'],
    ]) {
      const [ours, theirs] = socketpair()
      const one = channel(ours, { serialization: 'raw' })
      const stdio = ['ignore', 'pipe', 'inherit', theirs.fd]
      const marker = `3:${fs.fstatSync(theirs.fd).ino}:raw:${limits}`
      const env = { ...process.env, PROCNATIVE_CHANNEL_FD: marker }
      const child = childProcess.spawn(process.execPath, scriptCommand(fixture('channel/report-lengths.mjs')), {
        stdio,
        env,
      })
      theirs.close()
      t.after(() => one.destroy())
      const { ended } = listen(t, child)
      for (const { length, handles } of [most, more])
        one.send(Buffer.alloc(length), Array(handles).fill(2)).catch(() => {})
      assert.deepEqual(await ended(), { code: 0, said: [most, { code }] })
    }
  })
}
