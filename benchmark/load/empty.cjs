'use strict'

// Nothing: to require anything takes so long at least.
