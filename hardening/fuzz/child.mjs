// What fork() runs in a round: a child with a channel, that does not stay.

import { parentChannel } from '../../index.js'

parentChannel()?.on('message', (_, handles) => {
  for (const handle of handles) handle.close()
})
setTimeout(() => process.exit(3), 200)
