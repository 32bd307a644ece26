// The program of fork() in a round: a child with a channel that ends soon.

import { parentChannel } from '../../index.js'

parentChannel()?.on('message', (_, handles) => {
  for (const handle of handles) handle.close()
})
setTimeout(() => process.exit(3), 200)
