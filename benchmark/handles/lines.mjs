// Lines between two processes for messages with descriptors. `start` runs a Node.js module at the other end, which gets its end
// by `parent`. Both receive the largest length of a message in bytes. An end has `send(message, handles)`, `listen(listener)`
// for (message, handles), and `flood`, which sends many messages and limits the messages in flight as the line needs.

import * as childProcess from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import * as procnative from '../../index.js'

const require = createRequire(import.meta.url)

export const LINES = {
  procnative: {
    start(file, args) {
      const child = procnative.fork(file, args)
      const close = () => {
        child.handles.close()
        child.disconnect()
      }
      return { child, ...channelLine(child.handles), close }
    },
    parent: () => channelLine(procnative.parentChannel()),
  },
  'child.send': {
    start(file, args) {
      const child = childProcess.fork(file, args)
      return { child, ...nodeLine(child), close: () => child.disconnect() }
    },
    parent: () => nodeLine(process),
  },
  usocket: {
    start(file, args, bytes) {
      const [here, there] = procnative.socketpair()
      const stdio = ['ignore', 'inherit', 'inherit', there.fd]
      const child = childProcess.spawn(process.execPath, [file, ...args], { stdio })
      there.close()
      return { child, ...usocketLine(here.take(), bytes) }
    },
    parent: (bytes) => usocketLine(3, bytes),
  },
}

export const channelLine = (channel) => ({
  send: (message, handles) => channel.send(message, handles),
  listen: (listener) => channel.on('message', listener),
  // The limit of open files also limits queued descriptors, so messages with many descriptors go in batches.
  async flood({ messages, batch = messages, message, handles }) {
    for (let number = 0; number < messages; ) {
      const end = Math.min(number + batch, messages)
      let sent
      for (; number < end; number++) sent = channel.send(message(number), handles(number))
      // Messages are sent in order, so the last promise is enough. Without batches, no contender waits here.
      if (batch < messages) await sent
    }
  },
})

const NONE = []

export const nodeLine = (end) => ({
  send: (message, handle) => end.send(message, handle),
  listen: (listener) => end.on('message', (message, handle) => listener(message, handle ? [handle] : NONE)),
  async flood({ messages, message, handles }) {
    for (let number = 0; number < messages; number++) end.send(message(number), handles(number))
  },
})

// usocket sends bytes without message boundaries. Here all messages have one length, and contain the number of descriptors.
const FRAME = { least: 96, beside: 16 }
// usocket sends bytes that did not fit again without their descriptors, which are lost. So this line sends only what fits into
// the socket's buffer (278 messages of one byte), and waits until the other end has confirmed all of it.
const FITTING = 200
const [ASK, CONFIRM] = ['there?', 'there']

export function usocketLine(fd, bytes = 0) {
  const { USocket } = require('usocket')
  const length = Math.max(FRAME.least, bytes + FRAME.beside)
  const socket = new USocket({ fd })
  const send = (message, handles = NONE) => {
    const fds = [handles].flat().map(descriptorOf)
    const data = Buffer.alloc(length, ' ')
    data.write(JSON.stringify([message, fds.length]))
    socket.write(fds.length > 0 ? { data, fds } : data)
  }
  let [hear, confirmed] = [() => {}, () => {}]
  socket.on('readable', () => {
    for (let read = socket.read(length, 0); read?.data; read = socket.read(length, 0)) {
      const [message, count] = JSON.parse(read.data)
      const { fds } = socket.read(0, count)
      if (message === ASK) send(CONFIRM)
      else if (message === CONFIRM) confirmed()
      else hear(message, fds.map(closable))
    }
  })
  return {
    send,
    listen: (listener) => {
      hear = listener
    },
    async flood({ messages, each, message, handles }) {
      const fitting = each === 0 ? messages : FITTING
      for (let number = 0; number < messages; ) {
        const end = Math.min(number + fitting, messages)
        for (; number < end; number++) send(message(number), handles(number))
        const areThere = new Promise((resolve) => {
          confirmed = resolve
        })
        send(ASK)
        await areThere
      }
    },
    close: () => socket.destroy(),
  }
}

const closable = (fd) => ({ fd, close: () => fs.closeSync(fd) })
const descriptorOf = (handle) => handle.fd ?? handle._handle.fd
