'use strict'

const daemon = require('../../../index.js').daemonize({ ready: 'manual' })
require('../app.cjs').on('listening', daemon.ready)
