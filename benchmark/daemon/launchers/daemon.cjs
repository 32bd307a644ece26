'use strict'

// The README of `daemon` calls it without arguments, which throws: its default for cwd is a function instead of a path.
require('daemon')({ cwd: process.cwd() })
require('../app.cjs')
