#!/usr/bin/env node
'use strict'

// A command. What makes a script one: the line above, which names its interpreter; the executable bit, by `chmod +x`; and a
// link to it in a directory of PATH, whose name is the command's. See main.js.

const path = require('node:path')

const [, self, whom = 'world'] = process.argv
console.log(`hello, ${whom}! I am ${path.basename(self)}, run by ${process.argv0}`)
