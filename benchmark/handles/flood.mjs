// flood.mjs KIND SCENE: sends many messages with descriptors to another process, in rounds. Prints as JSON what each took, in
// milliseconds, from the first message until the other end has told that it has all of them in order, and has closed every
// descriptor. Descriptors that are lost or left are an error. SCENE is JSON of
//
//   messages   how many there are in a round
//   each       how many descriptors go with each
//   batch      so many are on their way at the most, where it can't be all of them
//   bytes      how long a message is as JSON, where it is more than its number
//   files      what the descriptors are of, in turns; of a listening server, else
//   rounds

import { once } from 'node:events'
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openDescriptors } from '../growth.cjs'
import { LINES } from './lines.mjs'
import { listening } from './listening.mjs'

const receiver = fileURLToPath(new URL('./receiver.mjs', import.meta.url))

/** The descriptors that go with a message, by its number. */
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

/** The message of a number, which has so many bytes as JSON, or just its number. */
function letter({ messages, bytes }) {
  if (!bytes) return (number) => ({ number })
  const text = 'x'.repeat(bytes - JSON.stringify({ number: messages, text: '' }).length)
  return (number) => ({ number, text })
}

/** The other end: what it says next, and how to have it end. */
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
    // Fewer: what the start had open is closed by now.
    const left = { there: (await line.heard()) - openThere, here: openDescriptors() - openHere }
    if (left.there > 0 || left.here > 0) throw new Error(`descriptors were left: ${JSON.stringify(left)}`)
  }
  await line.end()
  return times
}

const [kind, scene] = process.argv.slice(2)
console.log(JSON.stringify(await measure(kind, JSON.parse(scene))))
// The listening server would keep it.
process.exit()
