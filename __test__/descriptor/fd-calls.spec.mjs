// The calls on descriptors: socketpair(), dup(), dup2(), setCloseOnExec() and openFds().
// runtimes: node, bun

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { dup, dup2, Handle, openFds, recvFds, sendFds, setCloseOnExec, socketpair } from '../../index.js'
import { close, closedNumber, flagsOf, inodeOf, isCloseOnExec, isOpen, pair, positionOf } from '../helpers/handles.mjs'
import { test } from '../helpers/harness.mjs'
import { descriptors } from '../helpers/proc.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, limitedTo, run, scriptCommand } from '../helpers/run.mjs'

// The greatest number of a descriptor. No process has it open.
const NOBODY = 2 ** 31 - 1
const EBADF = { name: 'Error', code: 'EBADF', errno: -9 }

/** Opens a descriptor, closed with the test. */
function open(context, path = '/dev/zero') {
  const fd = fs.openSync(path, 'r')
  context.after(() => fs.closeSync(fd))
  return fd
}

/** Closes a descriptor with the test. Returns the descriptor. */
function owned(context, fd) {
  context.after(() => close(fd))
  return fd
}

// ── socketpair() ──

for (const [type, kind] of [
  [undefined, 'unix-socket'],
  ['stream', 'unix-socket'],
  ['seqpacket', 'unix-seqpacket'],
  ['dgram', 'unix-dgram'],
]) {
  test(`socketpair(${type ?? ''}): returns two connected close-on-exec sockets of the type`, {
    contract: 'H12',
  }, (t) => {
    const [a, b] = pair(t, type)
    assert.ok(a instanceof Handle && b instanceof Handle)
    assert.deepEqual([a.kind, b.kind, a.name, b.name], [kind, kind, null, null])
    assert.notEqual(inodeOf(a.fd), inodeOf(b.fd))
    for (const [from, to] of [
      [a, b],
      [b, a],
    ]) {
      assert.ok(isCloseOnExec(from.fd))
      assert.equal(sendFds(from, Buffer.from('word')), 4)
      assert.equal(recvFds(to).data.toString(), 'word')
      assert.throws(() => recvFds(from), { code: 'EAGAIN' })
    }
  })
}

test('socketpair(): fails with EMFILE, leaves no descriptor', { contract: 'H12' }, async () => {
  assert.deepEqual(await atTheLimit('socketpair'), [
    { free: 0, code: 'EMFILE', syscall: 'socketpair', left: 0 },
    { free: 1, code: 'EMFILE', syscall: 'socketpair', left: 0 },
    { free: 2, value: 2, left: 0 },
  ])
})

// ── dup() ──

test('dup(): returns a close-on-exec descriptor of the same open file', { contract: 'H12' }, (t) => {
  const fd = open(t)
  setCloseOnExec(fd, false)
  const other = owned(t, dup(fd))
  assert.notEqual(other, fd)
  assert.equal(inodeOf(other), inodeOf(fd))
  assert.deepEqual([isCloseOnExec(fd), isCloseOnExec(other)], [false, true])
})

test('dup(): shares the file position with the original', { contract: 'H12' }, (t) => {
  const fd = open(t, import.meta.filename)
  const other = owned(t, dup(fd))
  fs.readSync(fd, Buffer.alloc(10))
  assert.equal(positionOf(other), 10)
})

test('dup(): fails with EBADF for a closed descriptor', { contract: 'H12' }, () => {
  for (const fd of [closedNumber(), NOBODY]) assert.throws(() => dup(fd), EBADF)
})

test('dup(): fails with EMFILE, leaves no descriptor', { contract: 'H12' }, async () => {
  const [none, one] = await atTheLimit('dup')
  assert.deepEqual([none.code, none.left, one], ['EMFILE', 0, { free: 1, value: 1, left: 0 }])
})

// ── dup2() ──

test('dup2(): replaces a descriptor, always without close-on-exec', { contract: 'H12' }, (t) => {
  const from = open(t)
  for (const before of [true, false]) {
    const to = open(t, '/dev/null')
    setCloseOnExec(to, before)
    assert.equal(dup2(from, to), undefined)
    assert.equal(inodeOf(to), inodeOf(from))
    assert.deepEqual([isCloseOnExec(from), isCloseOnExec(to)], [true, false])
  }
})

test('dup2(): closes the replaced descriptor', { contract: 'H12' }, (t) => {
  const from = open(t)
  const [a, b] = socketpair()
  t.after(() => a.close())
  const to = owned(t, b.take())
  assert.throws(() => recvFds(a), { code: 'EAGAIN' })
  dup2(from, to)
  assert.equal(recvFds(a), null)
})

test('dup2(): opens a closed number', { contract: 'H12' }, (t) => {
  const from = open(t)
  // Above all numbers that could be opened meanwhile.
  const to = 300
  assert.equal(isOpen(to), false)
  dup2(from, to)
  owned(t, to)
  assert.equal(inodeOf(to), inodeOf(from))
})

test('dup2(): changes nothing for equal numbers', { contract: 'H12' }, (t) => {
  const fd = open(t)
  const [inode, flags] = [inodeOf(fd), flagsOf(fd)]
  dup2(fd, fd)
  assert.deepEqual([inodeOf(fd), flagsOf(fd)], [inode, flags])
})

test('dup2(): fails with EBADF for closed and too high numbers', { contract: 'H12' }, (t) => {
  const fd = open(t)
  const [inode, flags] = [inodeOf(fd), flagsOf(fd)]
  for (const closed of [closedNumber(), NOBODY]) {
    assert.throws(() => dup2(closed, fd), EBADF)
    assert.throws(() => dup2(closed, closed), EBADF)
  }
  assert.throws(() => dup2(fd, NOBODY), EBADF)
  assert.deepEqual([inodeOf(fd), flagsOf(fd)], [inode, flags])
})

// ── setCloseOnExec() ──

test('setCloseOnExec(): sets and clears FD_CLOEXEC only', { contract: 'H12' }, (t) => {
  const fd = open(t)
  const flags = flagsOf(fd)
  for (const enabled of [false, false, true, true]) {
    assert.equal(setCloseOnExec(fd, enabled), undefined)
    assert.equal(isCloseOnExec(fd), enabled)
  }
  assert.equal(flagsOf(fd), flags)
})

test('setCloseOnExec(): fails with EBADF for a closed descriptor', { contract: 'H12' }, () => {
  for (const fd of [closedNumber(), NOBODY]) {
    for (const enabled of [true, false]) assert.throws(() => setCloseOnExec(fd, enabled), EBADF)
  }
})

// ── openFds() ──

test('openFds(): lists open descriptors in ascending order, without its own', { contract: 'H12' }, (t) => {
  const from = open(t)
  const [a, b] = pair(t)
  // Numbers whose order differs from the order of their digits.
  for (const to of [1000, 200, 3000]) {
    dup2(from, to)
    owned(t, to)
  }
  const listed = openFds()
  const numbers = Object.keys(descriptors()).map(Number)
  assert.deepEqual(
    listed,
    numbers.toSorted((one, other) => one - other),
  )
  for (const fd of [0, 1, 2, from, a.fd, b.fd, 200, 1000, 3000]) assert.ok(listed.includes(fd), String(fd))
  assert.deepEqual(openFds(), listed)
})

test('openFds(): lists thousands of descriptors', { contract: 'H12' }, (t) => {
  const from = open(t)
  const before = openFds()
  const many = Array.from({ length: 3000 }, () => dup(from))
  t.after(() => many.map(close))
  assert.deepEqual(
    openFds(),
    [...before, ...many].toSorted((one, other) => one - other),
  )
})

test('openFds(): fails with EMFILE, leaves no descriptor', { contract: 'H12' }, async () => {
  const [none, one] = await atTheLimit('openFds')
  assert.deepEqual([none.code, none.left, one.code, one.left], ['EMFILE', 0, undefined, 0])
})

/** Returns the outcomes of a call while only 0, 1 and 2 more descriptors can be opened. */
async function atTheLimit(name) {
  const program = [process.execPath, ...scriptCommand(fixture('descriptor/call-without-descriptors.mjs'), name)]
  const { code, stdout, stderr } = await run('env', [...limitedTo(64), ...program]).ended
  assert.equal(code, 0, stderr)
  return reports(stdout)
}
