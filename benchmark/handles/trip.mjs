// trip.mjs TRIPS KIND …: measures the round trip of a message with a server, by all lines in turns, between the same two
// processes. Prints as JSON the times of each line in milliseconds: { procnative: [0.03], 'child.send': [0.05] }

import { fileURLToPath } from 'node:url'
import * as procnative from '../../index.js'
import { channelLine, nodeLine, usocketLine } from './lines.mjs'
import { listening } from './listening.mjs'

const echo = fileURLToPath(new URL('./echo.mjs', import.meta.url))
// Trips that load modules and make V8 compile.
const WARM_UP = 300

/** The echo gets its end by another line. */
async function connectUsocket(channel) {
  const [here, there] = procnative.socketpair()
  await channel.send('usocket', there)
  there.close()
  return usocketLine(here.take())
}

const [trips, ...kinds] = process.argv.slice(2)
const server = await listening()
const child = procnative.fork(echo)
const connect = {
  procnative: () => channelLine(child.handles),
  'child.send': () => nodeLine(child),
  usocket: () => connectUsocket(child.handles),
}
let back
const ways = []
for (const kind of kinds) {
  const line = await connect[kind]()
  line.listen((_message, [handle]) => {
    handle.close()
    back(performance.now())
  })
  ways.push({ line, times: [] })
}
for (let trip = -WARM_UP; trip < Number(trips); trip++) {
  for (const { line, times } of ways) {
    const returned = new Promise((resolve) => {
      back = resolve
    })
    const began = performance.now()
    line.send(trip, server)
    const took = (await returned) - began
    if (trip >= 0) times.push(took)
  }
}
console.log(JSON.stringify(Object.fromEntries(kinds.map((kind, at) => [kind, ways[at].times]))))
process.exit()
