// sendFds() and recvFds() with a program in Python that uses only its standard library, and the credentials of senders.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { recvFds, sendFds } from '../../index.js'
import { flagsOf, inodeOf, pair, received } from '../helpers/handles.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { descriptors } from '../helpers/proc.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, limitedTo, run, scriptCommand } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const PYTHON = '/usr/bin/python3'
const TYPES = ['stream', 'seqpacket', 'dgram']
const byte = Buffer.from('.')

/** Starts fixtures/send-and-receive.py with a socket of this process. `order()` returns the answer to an order. */
function peer(context, { fd }, prefix = []) {
  const [program, ...args] = [...prefix, PYTHON, fixture('socket/send-and-receive.py')]
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit', fd] })
  const answers = []
  let asked = 0
  const ended = once(child, 'close')
  createInterface({ input: child.stdout }).on('line', (line) => answers.push(JSON.parse(line)))
  context.after(() => {
    child.stdin.end()
    return ended
  })
  return {
    pid: child.pid,
    async order(...words) {
      const number = asked++
      child.stdin.write(`${JSON.stringify(words)}\n`)
      await until(() => answers.length > number, `an answer to ${words}`)
      return answers[number]
    },
  }
}

/** Creates files in a directory of the test's own. Returns their paths. */
function files(context, count) {
  const directory = temporary(context)
  return Array.from({ length: count }, (_, index) => {
    const file = path.join(directory, String(index))
    fs.writeFileSync(file, '', { mode: 0o644 })
    return file
  })
}

for (const type of TYPES) {
  test(`recvFds(): receives plain data and descriptors from Python, ${type}`, { contract: 'H12' }, async (t) => {
    const [a, b] = pair(t, type)
    const python = peer(t, b)
    for (const count of [0, 1, 3, 253]) {
      const inodes = await python.order('send', `${count} files`, ...files(t, count))
      const { data, handles, truncated, credentials } = received(t, a)
      assert.deepEqual([data.toString(), truncated, credentials], [`${count} files`, false, null])
      assert.deepEqual(
        handles.map(({ fd }) => inodeOf(fd)),
        inodes,
      )
    }
  })

  test(`sendFds(): sends plain data and descriptors to Python, ${type}`, { contract: 'H12' }, async (t) => {
    const [a, b] = pair(t, type)
    const python = peer(t, b)
    const fds = files(t, 253).map((file) => fs.openSync(file, 'r'))
    t.after(() => fds.map((fd) => fs.closeSync(fd)))
    for (const count of [0, 1, 3, 253]) {
      sendFds(a, Buffer.from(`${count} files`), fds.slice(0, count))
      const { text, inodes } = await python.order('receive')
      assert.deepEqual([text, inodes], [`${count} files`, fds.slice(0, count).map(inodeOf)])
    }
  })

  test(`sendFds(), recvFds(): never block, leave O_NONBLOCK unchanged, ${type}`, { contract: 'H12' }, async (t) => {
    const [a, b] = pair(t, type)
    const python = peer(t, b)
    for (const blocking of [false, true]) {
      await python.order('blocking', blocking)
      const before = flagsOf(b.fd)
      assert.throws(() => recvFds(b), { code: 'EAGAIN' })
      assert.equal(sendFds(b, byte, [a]), 1)
      assert.equal(received(t, a).handles.length, 1)
      assert.equal(flagsOf(b.fd), before)
      assert.equal((before & fs.constants.O_NONBLOCK) !== 0, !blocking)
    }
  })

  test(`recvFds(): returns credentials of each sender with SO_PASSCRED, ${type}`, { contract: 'H12' }, async (t) => {
    const [a, b] = pair(t, type)
    const receiver = peer(t, b)
    await receiver.order('pass credentials')
    const sender = peer(t, a)
    const own = { uid: process.getuid(), gid: process.getgid() }
    for (const count of [0, 253]) {
      await sender.order('send', 'theirs', ...files(t, count))
      sendFds(a, Buffer.from('ours'), Array(count).fill(0))
      for (const [text, pid] of [
        ['theirs', sender.pid],
        ['ours', process.pid],
      ]) {
        const { data, handles, truncated, credentials } = received(t, b, { maxLength: text.length })
        assert.deepEqual([data.toString(), handles.length, truncated], [text, count, false])
        assert.deepEqual(credentials, { pid, ...own })
      }
    }
    // Only one end has SO_PASSCRED.
    sendFds(b, byte)
    assert.equal(recvFds(a).credentials, null)
  })
}

test('recvFds(): returns the credentials of another user', {
  contract: 'H12',
  ...needs('root and setpriv', isRoot && hasProgram('setpriv')),
}, async (t) => {
  const [a, b] = pair(t, 'seqpacket')
  await peer(t, b).order('pass credentials')
  const nobody = peer(t, a, ['setpriv', '--reuid=65534', '--regid=65533', '--clear-groups'])
  await nobody.order('send', 'hello')
  assert.deepEqual(recvFds(b).credentials, { pid: nobody.pid, uid: 65_534, gid: 65_533 })
})

test('recvFds(): closes the pidfd that the kernel adds with SO_PASSPIDFD', { contract: 'H12' }, async (t) => {
  const [a, b] = pair(t, 'seqpacket')
  const python = peer(t, b)
  if (!(await python.order('pass pidfd'))) return t.skip('SKIPPED, NOT SHOWN HERE: needs SO_PASSPIDFD, of Linux 6.5')
  await python.order('pass credentials')
  const before = descriptors()
  for (const [count, maxFds] of [
    [0, 253],
    [2, 253],
    [253, 253],
    [2, 1],
    [2, 0],
  ]) {
    sendFds(a, byte, Array(count).fill(0))
    const { handles, credentials } = received(t, b, { maxFds })
    assert.deepEqual([handles.length, credentials.pid], [Math.min(count, maxFds), process.pid])
    assert.ok(handles.every(({ fd }) => inodeOf(fd) === inodeOf(0)))
    for (const handle of handles) handle.close()
    assert.deepEqual(descriptors(), before)
  }
})

test('sendFds(): fails with ETOOMANYREFS until descriptors were received, unprivileged user', {
  contract: 'H12',
  ...needs('root and setpriv', isRoot && hasProgram('setpriv')),
}, async () => {
  // A user of its own, because the kernel counts the descriptors in flight per user.
  const user = 100_000 + process.pid
  const asUser = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
  const program = [process.execPath, ...scriptCommand(fixture('socket/exceed-in-flight.mjs'))]
  const limited = [...limitedTo(64), ...program]
  const { code, stdout, stderr } = await run(asUser[0], [...asUser.slice(1), ...limited]).ended
  assert.equal(code, 0, stderr)
  const [{ error, arrived, again }] = reports(stdout)
  assert.deepEqual(error, { code: 'ETOOMANYREFS', syscall: 'sendmsg' })
  assert.deepEqual([arrived, again], [1, 1])
})
