// What messages with descriptors cost on a channel, against child.send() and against C, which does nothing but the system
// calls; what messages without any cost; and whether one of a million is lost.
//
//   node benchmark/handles.mjs [one|many|plain|trip|lost]
//
// Sender and receiver are processes of their own, a new pair for each figure, and the contenders take turns. A rate is that
// from the first message until the receiver has told that it has all of them in order, and has closed every descriptor: of
// the first round in new processes (cold), of the second one there, and of those after that (warm). A cell is the median of
// the repetitions, and their range. Only ratios mean something.

import * as childProcess from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as procnative from '../index.js'

const REPETITIONS = 7
const ROUNDS = 5
// Beyond this a process that measures hangs: whoever loses a message would wait for ever.
const TIMEOUT = 300_000

const self = fileURLToPath(import.meta.url)
const beside = (file) => fileURLToPath(new URL(file, import.meta.url))
const sorted = (values) => values.toSorted((a, b) => a - b)
const median = (values) => sorted(values)[values.length >> 1]

// ── What is measured ──

// So many messages at once, of one descriptor each. Node's queue of 20,000 takes it 13 seconds.
const ONE = [
  { name: '2,000 queued', messages: 2000, each: 1, against: 'child.send', targets: { cold: 5, second: 40, warm: 40 } },
  {
    name: '20,000 queued',
    messages: 20_000,
    each: 1,
    against: 'child.send',
    turns: 3,
    rounds: 2,
    targets: { cold: 120, second: 500, warm: 500 },
  },
]
// In batches, since no more descriptors can wait to be sent than may be open.
const MANY = [
  { name: '64 a message', messages: 20_000, each: 64, batch: 64, against: 'C', targets: { warm: 0.35 } },
  { name: '253 a message', messages: 5000, each: 253, batch: 16, against: 'C', targets: {} },
]
const isRecent = Number(process.versions.node.split('.')[0]) >= 24
const PLAIN = [
  { name: '64 B', messages: 20_000, each: 0, bytes: 64, against: 'child.send', targets: {} },
  {
    name: '1 KiB',
    messages: 20_000,
    each: 0,
    bytes: 1024,
    against: 'child.send',
    targets: { warm: isRecent ? 2 : 1.5 },
  },
  { name: '64 KiB', messages: 2000, each: 0, bytes: 65_536, against: 'child.send', targets: {} },
]
const TRIPS = { warmUp: 300, counted: 1000, target: 0.9 }
const LOST = {
  ...{ messages: 1_000_000, each: 1, batch: 1000, rounds: 1 },
  files: ['../index.js', '../index.d.ts', '../package.json', '../LICENSE', './handles.c'].map(beside),
}
// What C sends is as long as a frame of ours with a number in it.
const SHORT = 24

// ── The two ends ──

/**
 * How to send, from either end, and to hear of what comes; `flood` sends many at once, and lets no more than a batch
 * be on its way.
 */
const LINES = {
  procnative: {
    start: (args) => {
      const child = procnative.fork(self, args)
      const close = () => {
        child.handles.close()
        child.disconnect()
      }
      return { child, ...channelLine(child.handles), close }
    },
    parent: () => channelLine(procnative.parentChannel()),
  },
  'child.send': {
    start: (args) => {
      const child = childProcess.fork(self, args)
      return { child, ...nodeLine(child), close: () => child.disconnect() }
    },
    parent: () => nodeLine(process),
  },
}

const channelLine = (channel) => ({
  send: (message, handles) => channel.send(message, handles),
  listen: (listener) => channel.on('message', listener),
  async flood({ messages, batch, message, handles }) {
    for (let number = 0; number < messages; ) {
      const end = Math.min(number + (batch ?? messages), messages)
      let sent
      for (; number < end; number++) sent = channel.send(message(number), handles(number))
      // They are sent in their order. Who does not send in batches does not wait, and nor do the others.
      if (batch) await sent
    }
  },
})

const NONE = []

const nodeLine = (end) => ({
  send: (message, handle) => end.send(message, handle),
  listen: (listener) => end.on('message', (message, handle) => listener(message, handle ? [handle] : NONE)),
  async flood({ messages, message, handles }) {
    for (let number = 0; number < messages; number++) end.send(message(number), handles(number))
  },
})

/** The other end in a process of its own: what it says next, and how to have it end. */
function receiver(kind, ...args) {
  const line = LINES[kind].start(['receive', kind, ...args])
  const ended = once(line.child, 'exit')
  let told
  line.listen((message) => told(message))
  return {
    ...line,
    heard: () =>
      new Promise((resolve, reject) => {
        told = resolve
        ended.then(([code, signal]) => reject(new Error(`the receiver ended with ${code ?? signal}`)))
      }),
    async end() {
      line.close()
      const [code, signal] = await ended
      if (code !== 0) throw new Error(`the receiver ended with ${code ?? signal}`)
    },
  }
}

const openDescriptors = () => fs.readdirSync('/proc/self/fd').length

/** Counts what comes, and closes it. Knows the files that descriptors are of, where it is told them. */
function receive(kind, ...files) {
  const line = LINES[kind].parent()
  const inodes = files.map((file) => fs.statSync(file).ino)
  const none = { messages: 0, misplaced: 0, descriptors: 0, wrong: 0 }
  let account = { ...none }
  line.listen((message, handles) => {
    if (message === 'all?') {
      line.send(account)
      account = { ...none }
    } else if (message === 'open?') line.send(openDescriptors())
    else {
      if (message.number !== account.messages++) account.misplaced++
      account.descriptors += handles.length
      for (const handle of handles) {
        if (inodes.length > 0 && !isOf(handle, inodes[message.number % inodes.length])) account.wrong++
        handle.close()
      }
    }
  })
  line.send(openDescriptors())
}

const isOf = ({ fd }, inode) => fs.fstatSync(fd).ino === inode

/** Sends back what it gets, either way. */
function echo() {
  const channel = procnative.parentChannel()
  channel.on('message', (message, [handle]) => {
    channel.send(message, handle)
    handle.close()
  })
  // What Node has queued is sent as it is when its turn comes.
  process.on('message', (message, server) => process.send(message, server, () => server.close()))
  channel.send('ready')
}

// ── Processes that measure ──

async function listening() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

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

/** What each round took, in milliseconds. */
async function flood(kind, scene) {
  const { messages, each, batch, files = [], rounds = ROUNDS } = scene
  const handles = await cargo(scene)
  const message = letter(scene)
  const line = receiver(kind, ...files)
  const openThere = await line.heard()
  const openHere = openDescriptors()
  const times = []
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    await line.flood({ messages, batch, message, handles })
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

function agree(found, expected) {
  if (JSON.stringify(found) === JSON.stringify(expected)) return
  throw new Error(`${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`)
}

/** How long a way there and back takes, in microseconds: the one and the other in turns, between the same processes. */
async function trip() {
  const server = await listening()
  const child = procnative.fork(self, ['echo'])
  await once(child.handles, 'message')
  let back
  const arrived = (_message, handle) => {
    handle.close()
    back(performance.now())
  }
  child.on('message', arrived)
  child.handles.on('message', (message, [handle]) => arrived(message, handle))
  const ways = {
    procnative: (message) => child.handles.send(message, server),
    'child.send': (message) => child.send(message, server),
  }
  const times = { procnative: [], 'child.send': [] }
  for (let number = -TRIPS.warmUp; number < TRIPS.counted; number++) {
    for (const [kind, send] of Object.entries(ways)) {
      const began = performance.now()
      const ended = new Promise((resolve) => {
        back = resolve
      })
      send({ number })
      const took = (await ended) - began
      if (number >= 0) times[kind].push(took * 1000)
    }
  }
  child.disconnect()
  server.close()
  await child.handles.close()
  return Object.fromEntries(Object.entries(times).map(([kind, taken]) => [kind, median(taken)]))
}

// ── The process that compares ──

const progress = process.stderr.isTTY ? (text) => process.stderr.write(`\r\x1b[K${text}`) : () => {}

async function run(program, args) {
  const one = childProcess.spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: TIMEOUT })
  const [chunks, [code, signal]] = await Promise.all([one.stdout.toArray(), once(one, 'exit')])
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${code ?? signal}`)
  return JSON.parse(chunks.join(''))
}

const measured = (role, ...args) => run(process.execPath, [self, 'measure', role, ...args])

/** Compiles the C program, for as long as something is done with it; null where nothing compiles. */
async function withC(use) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-bench-'))
  try {
    const program = path.join(directory, 'handles')
    const command = ['-O2', '-o', program, beside('./handles.c')]
    const { error, status } = childProcess.spawnSync('cc', command, { stdio: 'inherit' })
    if (error || status !== 0) console.log('SKIPPED, NOT MEASURED: C, as nothing compiles it')
    return await use(error || status !== 0 ? null : program)
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
}

/** Turns at each of these in alternation, those that have fewer in the first ones: { name: [result, …] }. */
async function alternate(title, contenders) {
  const results = Object.fromEntries(contenders.map(({ name }) => [name, []]))
  for (let turn = 0; turn < REPETITIONS; turn++) {
    for (const { name, measure, turns = REPETITIONS } of turn % 2 === 0 ? contenders : contenders.toReversed()) {
      if (turn >= turns) continue
      progress(`${title}: ${name}, ${turn + 1} of ${turns}`)
      results[name].push(await measure())
    }
  }
  progress('')
  return results
}

function rate(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M/s`
  return value >= 1e5 ? `${(value / 1e3).toFixed(0)} k/s` : `${(value / 1e3).toFixed(1)} k/s`
}

const duration = (microseconds) => `${microseconds.toFixed(1)} µs`

const cell = (values, format = rate) =>
  `${format(median(values))} (${format(Math.min(...values))} – ${format(Math.max(...values))})`

const ratio = (value) => `${value.toPrecision(3)}×`
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)

function header(...titles) {
  console.log('')
  row(...titles)
  row(...titles.map(() => '---'))
}

function verdict(value, target, isAtMost = false) {
  if (target === undefined) return ['', '']
  const wanted = `${isAtMost ? '≤' : '≥'} ${target}×`
  if (value === undefined) return [wanted, 'NOT MEASURED']
  return [wanted, (isAtMost ? value <= target : value >= target) ? 'met' : 'MISSED']
}

/** The time of a round, of the times of all rounds. */
const TEMPERATURES = {
  cold: (times) => times[0],
  second: (times) => times[1],
  // Whoever takes too long for more than two is as warm then as it gets.
  warm: (times) => median(times.slice(Math.min(2, times.length - 1))),
}

function floodContenders({ against, turns, rounds, scene }, c) {
  const { messages, each, bytes = SHORT } = scene
  const node = (kind, more) => () => measured('flood', kind, JSON.stringify({ ...scene, ...more }))
  const contenders = [{ name: 'procnative', measure: node('procnative') }]
  if (against === 'child.send') contenders.push({ name: against, turns, measure: node(against, { rounds }) })
  if (c) contenders.push({ name: 'C', measure: () => run(c, ['flood', messages, each, bytes, ROUNDS].map(String)) })
  return contenders
}

async function compareFloods(what, unit, scenes, c) {
  header(`${what}, ${unit}`, 'procnative', 'against', '', 'ratio', 'target', '', 'C')
  for (const { name, against, turns, rounds, targets, ...scene } of scenes) {
    const results = await alternate(`${what}, ${name}`, floodContenders({ against, turns, rounds, scene }, c))
    for (const [temperature, timeOf] of Object.entries(TEMPERATURES)) {
      const rateOf = (times) => (scene.messages * (scene.each || 1) * 1000) / timeOf(times)
      const [ours, theirs, possible] = ['procnative', against, 'C'].map((kind) => results[kind]?.map(rateOf))
      const value = theirs && median(ours) / median(theirs)
      row(
        ...[`${name}, ${temperature}`, cell(ours), turns ? `${against}, ${turns} turns` : against],
        ...[theirs ? cell(theirs) : '–', theirs ? ratio(value) : '–', ...verdict(value, targets[temperature])],
        possible ? cell(possible) : '–',
      )
    }
  }
}

async function compareTrips(c) {
  const contenders = [{ name: 'both', measure: () => measured('trip') }]
  if (c)
    contenders.push({ name: 'C', measure: async () => median(await run(c, ['trip', String(TRIPS.counted)])) * 1000 })
  const { both, C: possible } = await alternate('round trip', contenders)
  const [ours, theirs] = ['procnative', 'child.send'].map((kind) => both.map((medians) => medians[kind]))
  // Of each pair of processes, since both have been measured between the same two.
  const ratios = both.map((medians) => medians.procnative / medians['child.send'])
  header('round trip with a descriptor, p50', 'procnative', 'child.send', 'ratio', 'target', '', 'C')
  row(
    ...['', cell(ours, duration), cell(theirs, duration), cell(ratios, ratio)],
    ...verdict(median(ratios), TRIPS.target, true),
    possible ? cell(possible, duration) : '–',
  )
}

async function lose() {
  progress('a million messages')
  const { messages } = LOST
  const [took] = await measured('flood', 'procnative', JSON.stringify(LOST))
  progress('')
  console.log(
    `\n${messages} messages with a descriptor each: none lost, misplaced or wrong, ${rate((messages * 1000) / took)}`,
  )
}

const roles = { flood: (kind, scene) => flood(kind, JSON.parse(scene)), trip }
const ends = { receive, echo }

const [what, ...args] = process.argv.slice(2)
if (what in ends) ends[what](...args)
else if (what === 'measure') {
  const [role, ...rest] = args
  console.log(JSON.stringify(await roles[role](...rest)))
  // The listening server would keep it.
  process.exit()
} else {
  const isAsked = (name) => what === undefined || what === name
  console.log(`Node.js ${process.version}, medians of ${REPETITIONS} turns (range)`)
  await withC(async (c) => {
    if (isAsked('one')) await compareFloods('one descriptor a message', 'messages', ONE, c)
    if (isAsked('many')) await compareFloods('many descriptors a message', 'descriptors', MANY, c)
    if (isAsked('plain')) await compareFloods('no descriptors, JSON', 'messages', PLAIN, c)
    if (isAsked('trip')) await compareTrips(c)
    if (isAsked('lost')) await lose()
  })
}
