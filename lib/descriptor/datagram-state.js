'use strict'

// Returns Node's internal state of a datagram socket, which holds the libuv handle. Finds it by its symbol, because a read of the
// old `_handle` prints a warning.
function findDatagramState(socket) {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')
  return symbol && socket[symbol]
}

module.exports = { findDatagramState }
