#!/usr/bin/env node
'use strict'

// A script that is a command (see main.js). It needs three things:
//
//   - the first line, which names its interpreter
//   - the executable bit, set by `chmod +x`
//   - a link in a directory of PATH; the name of the link is the name of the command

const path = require('node:path')

const [, self, whom = 'world'] = process.argv
console.log(`hello, ${whom}! I am ${path.basename(self)}, run by ${process.argv0}`)
