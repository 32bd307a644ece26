'use strict'

// Does not let a signal end it, but does what messages say. main.js starts it.

const { parentChannel } = require('procnative')

const parent = parentChannel()
if (!parent) throw new Error('main.js starts this')

process.on('SIGTERM', (signal) => parent.send({ heard: signal, so: 'I go on' }))
parent.on('message', ({ add, exit }) => {
  if (add) parent.send({ sum: add[0] + add[1] })
  if (exit) process.exit(exit)
})
parent.send('ready')
