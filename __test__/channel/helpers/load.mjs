// Both sides of throughput.spec.mjs: hundreds of thousands of messages, each with a descriptor.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { inodeOf } from '../../helpers/peer.mjs'

/** The number of files: the number of a message tells which file goes with it. */
const FILES = 7
// The lengths of bursts: some fit into the socket's buffer, and most don't.
const BURSTS = [1, 10, 5000, 300, 1, 2, 2000, 800]

/** Sends `count` messages, a burst at a time, after a message with the inodes. */
export async function sendMany(channel, count) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-'))
  const fds = Array.from({ length: FILES }, (_, index) => fs.openSync(path.join(directory, `${index}`), 'w'))
  fs.rmSync(directory, { recursive: true })
  await channel.send(fds.map((fd) => inodeOf(fd)))
  let next = 0
  for (let round = 0; next < count; round++) {
    const end = Math.min(count, next + BURSTS[round % BURSTS.length])
    const sent = []
    for (; next < end; next++) sent.push(channel.send(next, fds[next % FILES]))
    await Promise.all(sent)
  }
  for (const fd of fds) fs.closeSync(fd)
}

/** Receives `count` messages. Resolves with their number, or rejects at a wrong order or descriptor. */
export function receiveMany(channel, count) {
  let inodes
  let next = 0
  return new Promise((resolve, reject) => {
    channel.on('message', (message, handles) => {
      if (inodes === undefined) {
        inodes = message
        return
      }
      const came = handles.map(({ fd }) => inodeOf(fd))
      for (const handle of handles) handle.close()
      if (message !== next || came.length !== 1 || came[0] !== inodes[next % FILES])
        return reject(new Error(`message ${next} is ${message}, with ${came} of ${inodes}`))
      if (++next === count) resolve(next)
    })
    channel.on('error', reject)
    channel.on('close', () => reject(new Error(`closed after ${next} messages`)))
  })
}
