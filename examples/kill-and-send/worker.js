'use strict'

// Handles SIGTERM instead of ending, and obeys messages. main.js starts this worker.

const { parentChannel } = require('procnative')

const parent = parentChannel()
if (!parent) throw new Error('this worker has no channel. Start main.js instead')

process.on('SIGTERM', (signal) => parent.send({ heard: signal, so: 'I go on' }))
parent.on('message', ({ add, exit }) => {
  if (add) parent.send({ sum: add[0] + add[1] })
  if (exit) process.exit(exit)
})
parent.send('ready')
