// Sends back each message by its own line; ends with the other end.

import * as procnative from '../../index.js'
import { usocketLine } from './lines.mjs'

const channel = procnative.parentChannel()
channel.on('message', (message, [handle]) => {
  if (message === 'usocket') {
    const line = usocketLine(handle.take())
    line.listen((message, [handle]) => {
      line.send(message, handle)
      handle.close()
    })
  } else {
    channel.send(message, handle)
    handle.close()
  }
})
// Node.js sends a queued handle in its state at that time, so close the server after the callback.
process.on('message', (message, server) => process.send(message, server, () => server.close()))
process.on('disconnect', () => process.exit())
