// Handles of all that there can be, and what the kernel says of their descriptors.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { recvFds, sendFds, socketpair } from '../../index.js'
import { temporary } from './harness.mjs'
import { fixture } from './run.mjs'

// The runtime's own does not close what it has not opened, in Deno.
const native = createRequire(import.meta.url)('../../lib/core/native.js')
export const close = (fd) => native.close(fd)

const O_CLOEXEC = 0o2000000

/** Two Unix sockets that are connected to each other, closed when the test is over. */
export function pair(context, type) {
  const both = socketpair(type)
  context.after(() => both.map((handle) => handle.close()))
  return both
}

/** recvFds(), of which nothing stays open when the test is over. */
export function received(context, socket, options) {
  const message = recvFds(socket, options)
  context.after(() => message?.handles.map((handle) => handle.close()))
  return message
}

/** A handle of a descriptor, which stays its owner's. */
export function handleOf(context, fd) {
  const [a, b] = socketpair('seqpacket')
  sendFds(a, Buffer.from('.'), [fd])
  const { handles } = received(context, b)
  a.close()
  b.close()
  return handles[0]
}

/** A handle of a file, or whatever there is at that path. */
export function opened(context, path, flags = 'r') {
  const fd = fs.openSync(path, flags)
  const handle = handleOf(context, fd)
  fs.closeSync(fd)
  return handle
}

/** Handles of what fixtures/opens.py opens by that name: only these are left of it. */
export function made(context, name) {
  const [a, b] = socketpair('seqpacket')
  const stdio = ['ignore', 'inherit', 'inherit', b.fd]
  const { status, signal } = spawnSync('python3', [fixture('opens.py'), name], { stdio })
  b.close()
  assert.deepEqual([status, signal], [0, null], `opens.py ${name}`)
  const { handles } = received(context, a)
  a.close()
  return handles
}

const info = (fd, field) =>
  fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(new RegExp(`^${field}:\\s+(.*)`, 'm'))[1]

/** What open(2) and fcntl(2) say of a descriptor, O_NONBLOCK among it: the description's, but for O_CLOEXEC. */
export const flagsOf = (fd) => Number.parseInt(info(fd, 'flags'), 8)
export const positionOf = (fd) => Number(info(fd, 'pos'))
export const isCloseOnExec = (fd) => (flagsOf(fd) & O_CLOEXEC) !== 0

/** By the link, which is there whatever it leads to. */
export function isOpen(fd) {
  try {
    fs.readlinkSync(`/proc/self/fd/${fd}`)
    return true
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return false
  }
}

/** Which inode a descriptor leads to, in any process. */
export function inodeOf(fd) {
  const { dev, ino } = fs.statSync(`/proc/self/fd/${fd}`, { bigint: true })
  return `${dev}:${ino}`
}

/** A number that no descriptor has. */
export function closedNumber() {
  const [a, b] = socketpair()
  const { fd } = b
  a.close()
  b.close()
  return fd
}

export const AGAIN = { name: 'Error', code: 'EAGAIN', errno: -11 }

/** Nothing waits to be received. */
export const isEmpty = (socket) => assert.throws(() => recvFds(socket), { ...AGAIN, syscall: 'recvmsg' })

/** Files of the test's own, each with an inode of its own. */
export function files(context, count) {
  const directory = temporary(context)
  const fds = Array.from({ length: count }, (_, index) => fs.openSync(path.join(directory, String(index)), 'w+'))
  context.after(() => fds.map((fd) => fs.closeSync(fd)))
  return fds
}
