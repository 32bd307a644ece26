// Ways from one process to another for messages with descriptors. `start` runs a module of Node.js at the other end, which gets
// its own end by `parent`; both are told how many bytes a message has at the most. An end has `send(message, handles)`,
// `listen(listener)` for (message, handles), and `flood`, which sends many and has no more on their way than its way can take.

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
  // As many descriptors can wait to be sent as may be open: many a message are sent in batches.
  async flood({ messages, batch = messages, message, handles }) {
    for (let number = 0; number < messages; ) {
      const end = Math.min(number + batch, messages)
      let sent
      for (; number < end; number++) sent = channel.send(message(number), handles(number))
      // They are sent in their order. Who does not send in batches does not wait, and nor do the others.
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

// It has no messages: here, they are of one length, and say how many descriptors go with them.
const FRAME = { least: 96, beside: 16 }
// What it can't send at once it tries again without the descriptors, and these are lost. So no more is sent than fits into a
// socket's buffer (278 of one byte do) before the other end has said that it has all of it.
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
