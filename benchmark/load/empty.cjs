'use strict'

// An empty module: the least time of a require().
