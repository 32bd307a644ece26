'use strict'

// Its README calls it without arguments, which throws: its own default for cwd is a function, and no path.
require('daemon')({ cwd: process.cwd() })
require('../app.cjs')
