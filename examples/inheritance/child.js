'use strict'

// node examples/inheritance/child.js FILE [daemonize]: tells by the channel at 3 what it has, as often as it is asked; ends
// with the channel. main.js starts it.

const { channel, daemonize } = require('procnative')
const { look } = require('./look.js')

const [file, daemon] = process.argv.slice(2)

// A daemon is this program, begun once more. It has of what is open here what `keep` says, by other numbers.
const [end = 3] = daemon ? daemonize({ keep: [3, 4] }).kept : []
const parent = channel(end)
parent.on('message', () => parent.send(look(file)))
