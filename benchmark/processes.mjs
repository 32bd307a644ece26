// What spawn() costs against child_process.spawn(), at 50 MB, 500 MB and 2 GB of resident memory, and how long after a
// death wait() resolves against the event 'exit': for one child, for thousands that die one by one, and in a burst.
//
//   node benchmark/processes.mjs [spawn|wait]
//
// Each figure is from processes of its own, which take turns: a fork leaves its caller slower for a while, and a wait for
// thousands leaves it larger. A cell is the median of the repetitions, and their range. Only ratios mean something.

import * as childProcess from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as procnative from '../index.js'

const REPETITIONS = 7
// Added to the 50 or so that Node has itself; so many calls in a process.
const SIZES = [
  { name: '50 MB', added: 0, calls: 101, target: 1 / 2 },
  { name: '500 MB', added: 450, calls: 61, target: 1 / 20 },
  { name: '2 GB', added: 2000, calls: 41, target: 1 / 100 },
]
const FLAT = 1.3
const MANY = 5000
// Deaths one by one: of an only child, and of some beyond the many, so that no fewer are alive.
const ALONE = 201
const SPREAD = 201
const GROWTH_TARGET = 10
// What a process that sleeps takes, page tables and all; found by starting many.
const SLEEPER_MEGABYTES = 0.5
const SLEEP = ['sleep', ['1000']]

const self = fileURLToPath(import.meta.url)
const sorted = (values) => values.toSorted((a, b) => a - b)
const quantile = (values, q) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * q))]
const median = (values) => quantile(values, 0.5)

// ── Processes that measure ──

/** Starts a program without pipes, either way: its pid, and the promise of its end. */
const STARTERS = {
  procnative(file, args) {
    const child = procnative.spawn(file, args, { stdio: 'ignore' })
    return { pid: child.pid, ended: () => child.wait() }
  },
  child_process(file, args) {
    const child = childProcess.spawn(file, args, { stdio: 'ignore' })
    return { pid: child.pid, ended: () => new Promise((resolve) => child.on('exit', resolve)) }
  },
}

async function measureSpawn(start, megabytes, calls) {
  // Touched, or it would not be resident.
  const hoard = Buffer.alloc(megabytes * 2 ** 20, 1)
  const times = []
  // The first calls load what there is to load.
  for (let call = -3; call < calls; call++) {
    const began = performance.now()
    const child = start('/bin/true')
    const took = performance.now() - began
    await child.ended()
    if (call >= 0) times.push(took)
  }
  return { times, resident: process.memoryUsage.rss() / 2 ** 20, hoard: hoard.length }
}

/** How long after it was killed a child's end is heard of. In the burst, others were killed meanwhile. */
function mourn({ pid, heard }) {
  const killed = performance.now()
  process.kill(pid, 'SIGKILL')
  return heard.then((at) => at - killed)
}

const child = (start) => {
  const { pid, ended } = start(...SLEEP)
  return { pid, heard: ended().then(() => performance.now()) }
}

async function oneByOne(count, next) {
  const times = []
  for (let death = 0; death < count; death++) times.push(await mourn(next()))
  return times
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

/** Over when a child does what it was started for: while its program is being loaded, it dies sooner. */
async function asleep(pid) {
  const isAsleep = () => fs.readFileSync(`/proc/${pid}/stat`, 'utf8').includes('(sleep) S ')
  while (!isAsleep()) await settled()
}

async function measureWait(start) {
  await oneByOne(20, () => child(start))
  const alone = []
  for (let death = 0; death < ALONE; death++) {
    const only = child(start)
    await asleep(only.pid)
    alone.push(await mourn(only))
  }
  const children = []
  for (let count = 0; count < MANY + SPREAD; count++) {
    children.push(child(start))
    if (count % 100 === 0) await settled()
  }
  for (const { pid } of children) await asleep(pid)
  await settled()
  const spread = await oneByOne(SPREAD, () => children.pop())
  const burst = await Promise.all(children.map(mourn))
  return { alone: median(alone), spread: median(spread), burst: median(burst) }
}

const taken = () => {
  globalThis.gc()
  const count = (what) => fs.readdirSync(`/proc/self/${what}`).length
  return { threads: count('task'), descriptors: count('fd'), megabytes: process.memoryUsage.rss() / 2 ** 20 }
}

/** What thousands of waits take, for processes that somebody else has started. */
async function measureGrowth() {
  const script = `n=0; while [ $n -lt ${MANY} ]; do sleep 1000 >/dev/null & echo $!; n=$((n + 1)); done; exec >&-; wait`
  const shell = childProcess.spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  const said = (await shell.stdout.toArray()).join('')
  const pids = said.trim().split('\n').map(Number)
  // Loads what there is to load.
  await procnative.wait(procnative.spawn('/bin/true', [], { stdio: 'ignore' }).pid)
  const before = taken()
  const waits = pids.map((pid) => procnative.wait(pid))
  await settled()
  const after = taken()
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  // The shell reaps them.
  await Promise.all([...waits, once(shell, 'exit')])
  return Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]))
}

const roles = {
  spawn: (kind, megabytes, calls) => measureSpawn(STARTERS[kind], Number(megabytes), Number(calls)),
  wait: (kind) => measureWait(STARTERS[kind]),
  growth: measureGrowth,
}

// ── The process that compares ──

async function inProcess(role, ...args) {
  const command = ['--expose-gc', self, 'measure', role, ...args.map(String)]
  const one = childProcess.spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [chunks, [code, signal]] = await Promise.all([one.stdout.toArray(), once(one, 'exit')])
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code ?? signal}`)
  return JSON.parse(chunks.join(''))
}

/** All repetitions of both, in alternation: { procnative: [result, …], child_process: [result, …] }. */
async function alternate(role, ...args) {
  const results = { procnative: [], child_process: [] }
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    const kinds = Object.keys(results)
    for (const kind of repetition % 2 === 0 ? kinds : kinds.toReversed()) {
      results[kind].push(await inProcess(role, kind, ...args))
    }
  }
  return results
}

function duration(milliseconds) {
  if (milliseconds >= 10) return `${milliseconds.toFixed(0)} ms`
  return milliseconds >= 1 ? `${milliseconds.toFixed(2)} ms` : `${(milliseconds * 1000).toFixed(0)} µs`
}

const cell = (values, format = duration) =>
  `${format(median(values))} (${format(Math.min(...values))} – ${format(Math.max(...values))})`

const ratio = (value) => `${value.toPrecision(2)}×`
const verdict = (value, target) => `${target === undefined ? '' : value <= target ? 'met' : 'MISSED'}`
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)

function header(...titles) {
  console.log('')
  row(...titles)
  row(...titles.map(() => '---'))
}

/** Whether there is so much memory; says so loudly where there is not. */
function hasMemory(megabytes, what) {
  const available = Number(fs.readFileSync('/proc/meminfo', 'utf8').match(/^MemAvailable:\s+(\d+)/m)[1]) / 1024
  if (available >= megabytes) return true
  console.log(`SKIPPED, NOT MEASURED: ${what} takes ${megabytes} MB, and ${available.toFixed(0)} MB are there`)
  return false
}

async function compareSpawn() {
  header('resident', 'procnative p50', 'child_process p50', 'ratio', 'target', '', 'p99', 'p99', 'ratio')
  const medians = []
  for (const { name, added, calls, target } of SIZES) {
    if (!hasMemory(added + 400, `the size ${name}`)) continue
    const results = await alternate('spawn', added, calls)
    const [ours, theirs] = Object.values(results).map((runs) => runs.map(({ times }) => median(times)))
    const [oursRare, theirsRare] = Object.values(results).map((runs) =>
      quantile(
        runs.flatMap(({ times }) => times),
        0.99,
      ),
    )
    const resident = median(Object.values(results).flatMap((runs) => runs.map((run) => run.resident)))
    const value = median(ours) / median(theirs)
    medians.push(median(ours))
    row(
      ...[`${resident.toFixed(0)} MB`, cell(ours), cell(theirs), ratio(value), ratio(target), verdict(value, target)],
      ...[duration(oursRare), duration(theirsRare), ratio(oursRare / theirsRare)],
    )
  }
  const flat = Math.max(...medians) / Math.min(...medians)
  console.log(`\nprocnative from the least to the most: ${ratio(flat)} (target ${FLAT}×) ${verdict(flat, FLAT)}`)
}

async function compareWait() {
  if (!hasMemory(1000 + (MANY + SPREAD) * SLEEPER_MEGABYTES, `${MANY} children`)) return
  const { procnative: ours, child_process: theirs } = await alternate('wait')
  header('death to callback, p50', 'wait()', "'exit'", 'ratio', 'target', '')
  const scenes = [
    ['one child', 'alone', 1],
    [`${MANY}, one by one`, 'spread', 0.1],
    [`${MANY} in a burst`, 'burst'],
  ]
  for (const [title, scene, target] of scenes) {
    const [mine, other] = [ours, theirs].map((runs) => runs.map((run) => run[scene]))
    const value = median(mine) / median(other)
    row(title, cell(mine), cell(other), ratio(value), target ? ratio(target) : '', verdict(value, target))
  }
}

async function showGrowth() {
  if (!hasMemory(1000 + MANY * SLEEPER_MEGABYTES, `${MANY} waits`)) return
  const runs = []
  for (let repetition = 0; repetition < 3; repetition++) runs.push(await inProcess('growth'))
  const [threads, descriptors, megabytes] = ['threads', 'descriptors', 'megabytes'].map((name) =>
    runs.map((run) => run[name]),
  )
  header(`${MANY} pending waits take`, 'median (range)', 'target', '')
  row('threads', cell(threads, String), '0', verdict(Math.max(...threads), 0))
  row('descriptors', cell(descriptors, String), `${MANY}`, verdict(Math.max(...descriptors), MANY))
  const size = (value) => `${value.toFixed(1)} MB`
  row('resident memory', cell(megabytes, size), size(GROWTH_TARGET), verdict(Math.max(...megabytes), GROWTH_TARGET))
}

const [what, role, ...args] = process.argv.slice(2)
if (what === 'measure') {
  console.log(JSON.stringify(await roles[role](...args)))
  process.exit()
}
if (what !== 'wait') await compareSpawn()
if (what !== 'spawn') {
  await compareWait()
  await showGrowth()
}
