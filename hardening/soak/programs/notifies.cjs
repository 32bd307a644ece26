// A service that notifies its readiness, and runs until it is stopped.

const { notify } = require('../../../index.js')

setInterval(() => {}, 2 ** 30)
notify('READY=1\nSTATUS=running')
