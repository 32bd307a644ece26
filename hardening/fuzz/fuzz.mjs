// npm run test:fuzz [-- --seconds 600 --seed N]: calls every export with random and structured arguments, in rounds. Each round
// has a seed, N for the first one. The fuzzer writes each call to a file before it makes the call. The file of a round with a
// problem is kept.

import { parseArgs } from 'node:util'
import procnative from '../../index.js'
import { isPermitted, round } from './round.mjs'
import { targetsOf } from './targets.mjs'

// A run of this length must call everything.
const ENOUGH = 60
const SHOWN = 10

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '600' }, seed: { type: 'string', default: String(Date.now() % 1e9) } },
})
const [seconds, first] = [Number(values.seconds), Number(values.seed)]
if (!(seconds > 0) || !Number.isInteger(first)) throw new Error('--seconds and --seed take numbers')
if (!isPermitted()) {
  console.log('SKIPPED, NOTHING IS SHOWN: a round needs a pid namespace of its own (unshare, root)')
  process.exit()
}

const counts = Object.fromEntries(targetsOf(procnative).map(({ name }) => [name, 0]))
const found = []
const began = performance.now()
let seed = first
for (; performance.now() - began < seconds * 1000; seed++) {
  const { counts: made, problems, directory } = await round(seed)
  for (const [name, count] of Object.entries(made)) counts[name] += count
  if (problems.length === 0) continue
  found.push(...problems)
  console.log(`seed ${seed}, to be repeated by --seed ${seed} --seconds 1, in ${directory}:`)
  for (const { call, what } of problems.slice(0, SHOWN)) console.log(`  ${what}\n    ${call}`)
}

const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
const never = Object.keys(counts).filter((name) => counts[name] === 0)
console.log('\n| called | times |\n| --- | --- |')
for (const [name, count] of Object.entries(counts)) console.log(`| ${name} | ${count} |`)
const took = ((performance.now() - began) / 1000).toFixed(0)
console.log(`\n${total} calls in ${seed - first} rounds from seed ${first}, ${took} seconds: ${found.length} problems`)
if (never.length > 0) console.log(`never called: ${never.join(', ')}`)
if (found.length > 0 || (seconds >= ENOUGH && never.length > 0)) process.exitCode = 1
