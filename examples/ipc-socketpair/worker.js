'use strict'

// Opens the channel to its parent. main.js starts this worker.

const fs = require('node:fs')
const { channel } = require('procnative')

// After channel(), children of this process do not inherit the descriptor.
const parent = channel(Number(process.env.CHANNEL_FD))

parent.send({ hello: 'from Node.js' })
parent.on('message', (message, [handle]) => {
  // This process owns the descriptor now. It leads to the parent's open file, whose name is unknown here.
  const letter = handle.take()
  parent.send({ did: message.read, inode: fs.fstatSync(letter).ino, text: fs.readFileSync(letter, 'utf8') })
})
// When the parent closes its end, nothing keeps the event loop alive, so the worker ends.
