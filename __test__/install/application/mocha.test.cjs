require('./suite.cjs').define(globalThis.it)
