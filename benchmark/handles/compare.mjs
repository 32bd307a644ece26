// What messages with descriptors cost, what messages without any cost, and whether one of a million is lost.

import { fileURLToPath } from 'node:url'
import { withLimit } from '../limit.mjs'
import { alternate, each, median, tails, told, toldByNode } from '../measure.mjs'
import { hasPeer, hasPython } from '../peers.mjs'
import { Group } from '../report.mjs'
import { UNITS } from '../units.mjs'

const beside = (file) => fileURLToPath(new URL(file, import.meta.url))
const isRecent = Number(process.versions.node.split('.')[0]) >= 24
const NODE = 'child.send'

// The rounds of two new processes. Warm is what comes after the second; who takes too long for more than two is as warm then
// as it gets.
const ROUNDS = {
  cold: (times) => times[0],
  second: (times) => times[1],
  warm: (times) => median(times.length > 2 ? times.slice(2) : times.slice(1)),
}

// So many messages in each round, with so many descriptors. Many a message are on their way in batches, since no more
// descriptors can wait to be sent than may be open. `without` can't do it; `targets` say how many times faster than whom.
const SCENES = [
  {
    ...{ name: '1 a message, 2,000 queued', messages: 2000, each: 1, rounds: 5, without: [] },
    targets: {
      cold: { against: NODE, times: 5 },
      second: { against: NODE, times: 40 },
      warm: { against: NODE, times: 40 },
    },
  },
  {
    ...{ name: '1 a message, 20,000 queued', messages: 20_000, each: 1, rounds: 5, without: [] },
    // Its queue takes this 9 seconds.
    roundsOf: { [NODE]: 2 },
    targets: { cold: { against: NODE, times: 120 }, warm: { against: NODE, times: 500 } },
  },
  { name: '64 a message, 2,000', messages: 2000, each: 64, batch: 64, rounds: 3, without: [NODE] },
  {
    ...{ name: '64 a message, 20,000', messages: 20_000, each: 64, batch: 64, rounds: 2, without: [NODE] },
    targets: { second: { against: 'C', times: 0.35 } },
  },
  // usocket loses what is more than 64.
  { name: '253 a message, 2,000', messages: 2000, each: 253, batch: 16, rounds: 2, without: [NODE, 'usocket'] },
  { name: '253 a message, 20,000', messages: 20_000, each: 253, batch: 16, rounds: 1, without: [NODE, 'usocket'] },
  { name: 'none, 64 B', messages: 20_000, each: 0, bytes: 64, rounds: 5, without: [] },
  {
    ...{ name: 'none, 1 KiB', messages: 20_000, each: 0, bytes: 1024, rounds: 5, without: [] },
    targets: { warm: { against: NODE, times: isRecent ? 2 : 1.5 } },
  },
  { name: 'none, 64 KiB', messages: 2000, each: 0, bytes: 65_536, rounds: 5, without: [] },
]
// What C and Python send is as long as a frame of ours with a number in it.
const SHORT = 24
const TRIPS = { count: 1000, times: 1 / 0.9 }
const LOST = {
  ...{ messages: 1_000_000, each: 1, batch: 1000, rounds: 1 },
  files: ['compare.mjs', 'flood.mjs', 'lines.mjs', 'limit.c', 'peer.py'].map((file) => beside(`./${file}`)),
}

export async function compare(progress) {
  const group = new Group('handles', 'Passing descriptors')
  const inNode = ['procnative', NODE, ...(hasPeer('usocket') ? ['usocket'] : [])]
  await withLimit('handles', async (limit) => {
    const others = [
      ...(hasPython() ? [{ name: 'Python', command: ['python3', beside('./peer.py')] }] : []),
      ...(limit ? [{ name: 'C', command: [limit] }] : []),
    ]
    for (const scene of SCENES) await compareFloods(group, inNode, others, scene, progress)
    await compareTrips(group, inNode, others, progress)
  })
  // That they were not is an error.
  progress('a million messages')
  const { messages } = LOST
  const [took] = await toldByNode(beside('./flood.mjs'), 'procnative', JSON.stringify(LOST))
  group.addNote(
    `Of a million messages with a descriptor each, none was lost, misplaced or another file's (${UNITS['/s'].write((messages * 1000) / took)}).`,
  )
  return group
}

async function compareFloods(group, inNode, others, scene, progress) {
  const { name, targets = {}, without, roundsOf = {}, ...flood } = scene
  const { messages, each: descriptors, bytes = SHORT, rounds } = flood
  const floodBy = (kind) => JSON.stringify({ ...flood, rounds: roundsOf[kind] ?? rounds })
  const contenders = [
    ...inNode.map((kind) => ({ name: kind, measure: () => toldByNode(beside('./flood.mjs'), kind, floodBy(kind)) })),
    ...others.map(({ name, command: [program, ...args] }) => ({
      name,
      measure: () => told(program, [...args, 'flood', messages, descriptors, bytes, rounds]),
    })),
  ].filter(({ name }) => !without.includes(name))
  const runs = await alternate(contenders, (text) => progress(`${name}, ${text}`))
  for (const [round, timeOf] of Object.entries(ROUNDS).slice(0, rounds)) {
    const results = each(runs, (times) => (messages * (descriptors || 1) * 1000) / timeOf(times))
    group.add({ name: `${name}, ${round}`, unit: '/s', results, target: targets[round] })
  }
}

async function compareTrips(group, inNode, others, progress) {
  const { count, times } = TRIPS
  const contenders = [
    { name: 'Node.js', measure: () => toldByNode(beside('./trip.mjs'), count, ...inNode) },
    ...others.map(({ name, command: [program, ...args] }) => ({
      name,
      measure: () => told(program, [...args, 'trip', count]),
    })),
  ]
  const { 'Node.js': together, ...alone } = await alternate(contenders, (text) => progress(`round trip, ${text}`))
  const trips = { ...Object.fromEntries(inNode.map((kind) => [kind, together.map((all) => all[kind])])), ...alone }
  group.add({
    ...{ name: 'round trip', unit: 'ms', results: each(trips, median), tails: tails(trips) },
    target: { against: NODE, times },
  })
}
