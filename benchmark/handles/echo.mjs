// Sends back what it gets, by the way that it came; ends when the other end does.

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
// What Node has queued is sent as it is when its turn comes.
process.on('message', (message, server) => process.send(message, server, () => server.close()))
process.on('disconnect', () => process.exit())
