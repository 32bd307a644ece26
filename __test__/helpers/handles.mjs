// Handles of all kinds, and the kernel's view of their descriptors.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { recvFds, sendFds, socketpair } from '../../index.js'
import { temporary } from './harness.mjs'
import { fixture } from './run.mjs'

// Closes by the native half, because fs.closeSync() of Deno closes only descriptors that Deno opened.
const native = createRequire(import.meta.url)('../../lib/core/native.js')
export const close = (fd) => native.close(fd)

const O_CLOEXEC = 0o2000000

/** Returns two connected Unix sockets, closed with the test. */
export function pair(context, type) {
  const both = socketpair(type)
  context.after(() => both.map((handle) => handle.close()))
  return both
}

/** Calls recvFds(). The handles are closed with the test. */
export function received(context, socket, options) {
  const message = recvFds(socket, options)
  context.after(() => message?.handles.map((handle) => handle.close()))
  return message
}

/** Returns a handle of a duplicate of a descriptor. */
export function handleOf(context, fd) {
  const [a, b] = socketpair('seqpacket')
  sendFds(a, Buffer.from('.'), [fd])
  const { handles } = received(context, b)
  a.close()
  b.close()
  return handles[0]
}

/** Returns a handle of the file at a path. */
export function opened(context, path, flags = 'r') {
  const fd = fs.openSync(path, flags)
  const handle = handleOf(context, fd)
  fs.closeSync(fd)
  return handle
}

/** Returns the handles that fixtures/send-opened.py opens for a name. That process has ended. */
export function made(context, name) {
  const [a, b] = socketpair('seqpacket')
  const stdio = ['ignore', 'inherit', 'inherit', b.fd]
  const { status, signal } = spawnSync('python3', [fixture('send-opened.py'), name], { stdio })
  b.close()
  assert.deepEqual([status, signal], [0, null], `send-opened.py ${name}`)
  const { handles } = received(context, a)
  a.close()
  return handles
}

const info = (fd, field) =>
  fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(new RegExp(`^${field}:\\s+(.*)`, 'm'))[1]

/** Returns the flags of a descriptor: those of its open file, such as O_NONBLOCK, and O_CLOEXEC. */
export const flagsOf = (fd) => Number.parseInt(info(fd, 'flags'), 8)
export const positionOf = (fd) => Number(info(fd, 'pos'))
export const isCloseOnExec = (fd) => (flagsOf(fd) & O_CLOEXEC) !== 0

/** Returns true if the descriptor is open. Reads the link in /proc, which exists for files of any kind. */
export function isOpen(fd) {
  try {
    fs.readlinkSync(`/proc/self/fd/${fd}`)
    return true
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return false
  }
}

/** Returns the device and inode of a descriptor, which are the same in any process. */
export function inodeOf(fd) {
  const { dev, ino } = fs.statSync(`/proc/self/fd/${fd}`, { bigint: true })
  return `${dev}:${ino}`
}

/** Returns the number of a closed descriptor. */
export function closedNumber() {
  const [a, b] = socketpair()
  const { fd } = b
  a.close()
  b.close()
  return fd
}

export const AGAIN = { name: 'Error', code: 'EAGAIN', errno: -11 }

/** Checks that nothing waits at a socket. */
export const isEmpty = (socket) => assert.throws(() => recvFds(socket), { ...AGAIN, syscall: 'recvmsg' })

/** Opens `count` new files, each with an inode of its own. Returns their descriptors, closed with the test. */
export function files(context, count) {
  const directory = temporary(context)
  const fds = Array.from({ length: count }, (_, index) => fs.openSync(path.join(directory, String(index)), 'w+'))
  context.after(() => fds.map((fd) => fs.closeSync(fd)))
  return fds
}
