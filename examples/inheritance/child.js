'use strict'

// node examples/inheritance/child.js FILE [daemonize]: answers each message on the channel at descriptor 3 with its attributes.
// Ends with the channel. main.js starts this program.

const { channel, daemonize } = require('procnative')
const { look } = require('./look.js')

const [file, daemon] = process.argv.slice(2)

// The daemon runs this program again. It gets only the descriptors in `keep`, under new numbers.
const [end = 3] = daemon ? daemonize({ keep: [3, 4] }).kept : []
const parent = channel(end)
parent.on('message', () => parent.send(look(file)))
