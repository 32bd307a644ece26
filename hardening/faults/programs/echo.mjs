// A child of fork() that sends back each message.

import { parentChannel } from '../../../index.js'
import { told } from '../told.mjs'

await told(async () => {
  const parent = parentChannel()
  parent.on('error', (error) => told(() => Promise.reject(error)))
  parent.on('message', (message, handles) =>
    told(async () => {
      await parent.send(message, handles)
      for (const handle of handles) handle.close()
    }),
  )
})
