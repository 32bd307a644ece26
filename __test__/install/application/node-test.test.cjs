const { test } = require('node:test')

require('./suite.cjs').define(test)
