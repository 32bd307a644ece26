'use strict'

// Node's internal state of a datagram socket, which holds the libuv handle. dgram keeps it behind a symbol, because reading
// the old `_handle` prints a warning.
function datagramState(socket) {
  const symbol = Object.getOwnPropertySymbols(socket).find((one) => one.description === 'state symbol')
  return symbol && socket[symbol]
}

module.exports = { datagramState }
