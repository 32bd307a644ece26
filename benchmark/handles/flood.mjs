// flood.mjs KIND SCENE: sends many messages with descriptors to another process, in rounds. Prints as JSON the milliseconds of
// each round, from the first message until the other end has reported that it has received all messages in order and has closed
// every descriptor. Lost and left descriptors are errors. SCENE is JSON with:
//
//   messages   the number of messages in a round
//   each       the number of descriptors of a message
//   batch      the largest number of messages in flight, if not all of them
//   bytes      the length of a message as JSON, if it has more than its number
//   files      the files of the descriptors, in turns; a listening server by default
//   rounds     the number of rounds

import { once } from 'node:events'
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openDescriptors } from '../growth.cjs'
import { LINES } from './lines.mjs'
import { listening } from './listening.mjs'

const receiver = fileURLToPath(new URL('./receiver.mjs', import.meta.url))

/** Returns a function that returns the descriptors of a message by its number. */
async function cargo({ each, files = [] }) {
  if (each === 0) return () => undefined
  if (files.length > 0) {
    const descriptors = files.map((file) => fs.openSync(file))
    return (number) => descriptors[number % descriptors.length]
  }
  const server = await listening()
  const handles = each === 1 ? server : Array(each).fill(server)
  return () => handles
}

/** Returns a function that returns a message by its number, with `bytes` bytes as JSON, or with the number only. */
function letter({ messages, bytes }) {
  if (!bytes) return (number) => ({ number })
  const text = 'x'.repeat(bytes - JSON.stringify({ number: messages, text: '' }).length)
  return (number) => ({ number, text })
}

/** Starts the other end. `heard()` resolves with its next message, `end()` ends it. */
function startReceiver(kind, { bytes = 0, files = [] }) {
  const line = LINES[kind].start(receiver, [kind, String(bytes), ...files], bytes)
  const ended = once(line.child, 'exit')
  const outcome = ([code, signal]) => new Error(`the receiver ended with ${code ?? signal}`)
  let hear
  line.listen((message) => hear(message))
  return {
    ...line,
    heard: () =>
      new Promise((resolve, reject) => {
        hear = resolve
        ended.then((end) => reject(outcome(end)))
      }),
    async end() {
      line.close()
      const end = await ended
      if (end[0] !== 0) throw outcome(end)
    },
  }
}

function agree(found, expected) {
  if (JSON.stringify(found) === JSON.stringify(expected)) return
  throw new Error(`${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`)
}

async function measure(kind, scene) {
  const { messages, each, rounds } = scene
  const parcel = { ...scene, message: letter(scene), handles: await cargo(scene) }
  const line = startReceiver(kind, scene)
  const openThere = await line.heard()
  const openHere = openDescriptors()
  const times = []
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    await line.flood(parcel)
    line.send('all?')
    const account = await line.heard()
    times.push(performance.now() - began)
    agree(account, { messages, misplaced: 0, descriptors: messages * each, wrong: 0 })
    line.send('open?')
    // There may be fewer, because descriptors of the start are closed by now.
    const left = { there: (await line.heard()) - openThere, here: openDescriptors() - openHere }
    if (left.there > 0 || left.here > 0) throw new Error(`descriptors were left: ${JSON.stringify(left)}`)
  }
  await line.end()
  return times
}

const [kind, scene] = process.argv.slice(2)
console.log(JSON.stringify(await measure(kind, JSON.parse(scene))))
// The listening server would keep the process alive.
process.exit()
