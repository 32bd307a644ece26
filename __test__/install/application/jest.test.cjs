require('./suite.cjs').define(globalThis.test)
