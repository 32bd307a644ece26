// The cost of messages with and without descriptors, and a check that none of a million messages is lost.

import { fileURLToPath } from 'node:url'
import { withLimit } from '../limit.mjs'
import { alternate, each, median, tails, told, toldByNode } from '../measure.mjs'
import { hasPeer, hasPython } from '../peers.mjs'
import { Group } from '../report.mjs'
import { UNITS } from '../units.mjs'

const beside = (file) => fileURLToPath(new URL(file, import.meta.url))
const isRecent = Number(process.versions.node.split('.')[0]) >= 24
const NODE = 'child.send'

// The rounds of two new processes. Rounds after the second are warm. For a contender that is too slow for more than two rounds,
// the second round counts as warm.
const ROUNDS = {
  cold: (times) => times[0],
  second: (times) => times[1],
  warm: (times) => median(times.length > 2 ? times.slice(2) : times.slice(1)),
}

// Numbers of messages in a round, and of descriptors a message. Messages with many descriptors go in batches, because the limit of
// open files also limits queued descriptors. `without`: contenders that can't do it. `targets`: the factor against a contender.
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
    // The queue of Node.js takes 9 seconds for a round.
    roundsOf: { [NODE]: 2 },
    targets: { cold: { against: NODE, times: 120 }, warm: { against: NODE, times: 500 } },
  },
  { name: '64 a message, 2,000', messages: 2000, each: 64, batch: 64, rounds: 3, without: [NODE] },
  {
    ...{ name: '64 a message, 20,000', messages: 20_000, each: 64, batch: 64, rounds: 2, without: [NODE] },
    targets: { second: { against: 'C', times: 0.35 } },
  },
  // usocket loses descriptors beyond 64.
  { name: '253 a message, 2,000', messages: 2000, each: 253, batch: 16, rounds: 2, without: [NODE, 'usocket'] },
  { name: '253 a message, 20,000', messages: 20_000, each: 253, batch: 16, rounds: 1, without: [NODE, 'usocket'] },
  { name: 'none, 64 B', messages: 20_000, each: 0, bytes: 64, rounds: 5, without: [] },
  {
    ...{ name: 'none, 1 KiB', messages: 20_000, each: 0, bytes: 1024, rounds: 5, without: [] },
    targets: { warm: { against: NODE, times: isRecent ? 2 : 1.5 } },
  },
  { name: 'none, 64 KiB', messages: 2000, each: 0, bytes: 65_536, rounds: 5, without: [] },
]
// The length of the messages of C and Python: a frame of procnative with a number in it.
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
  // flood.mjs throws if a message was lost.
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
