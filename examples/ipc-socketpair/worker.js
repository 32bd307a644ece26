'use strict'

// Joins the channel to the process that has started this one. main.js does that.

const fs = require('node:fs')
const { channel } = require('procnative')

// From here on it is for us only: a child of ours does not inherit it, as we did.
const parent = channel(Number(process.env.CHANNEL_FD))

parent.send({ hello: 'from Node.js' })
parent.on('message', (message, [handle]) => {
  // A descriptor of ours from here on, that leads to the parent's open file. We don't know its name.
  const letter = handle.take()
  parent.send({ did: message.read, inode: fs.fstatSync(letter).ino, text: fs.readFileSync(letter, 'utf8') })
})
// When the parent closes its end there is nothing left to wait for, and so this ends.
