// A service that says when it is ready, and runs until it is stopped.

const { notify } = require('../../../index.js')

setInterval(() => {}, 2 ** 30)
notify('READY=1\nSTATUS=running')
