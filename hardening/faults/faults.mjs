// faults.mjs [SCENARIO...] [--case 'CALL=ERRNO' | --calls | --commonest]: makes each system call of procnative in a scenario
// fail once with each errno of its manual page, and checks the outcome.
//
// A first run records the calls. The first call from a place in the addon fails with each errno. Later calls from that place,
// up to LATER, and calls from that place in another scenario fail with the commonest errno only.

import { execFileSync, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { failuresOf, isHarmless, numberOf } from './errnos.mjs'
import { verdict } from './verdict.mjs'

const LANES = 2
const LATER = 6

const here = fileURLToPath(new URL('.', import.meta.url))
const addon = path.join(here, '../../procnative.linux-x64-gnu.node')

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { case: { type: 'string' }, calls: { type: 'boolean' }, commonest: { type: 'boolean' } },
})
const all = fs
  .readdirSync(path.join(here, 'scenarios'))
  .map((file) => path.parse(file).name)
  .sort()
const scenarios = positionals.length > 0 ? positionals : all

if (spawnSync('cc', ['--version']).error) {
  console.log('SKIPPED, NOTHING WAS SHOWN: needs a C compiler, cc')
  process.exit()
}

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-faults-'))
fs.chmodSync(scratch, 0o755)
const shim = path.join(scratch, 'shim.so')
execFileSync('cc', ['-O1', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', shim, path.join(here, 'shim.c')])

requireAll()

// Places where an earlier scenario has tried every errno. Later scenarios try only the commonest.
const seen = new Set()

const lanes = Array.from({ length: LANES }, () => fork(path.join(here, 'lane.mjs')))
try {
  process.exitCode = await (options.calls ? list : options.case === undefined ? runAll : runOne)()
} finally {
  for (const lane of lanes) lane.disconnect()
  await Promise.all(lanes.map((lane) => once(lane, 'exit')))
  fs.rmSync(scratch, { recursive: true })
}

// Throws if the addon calls a function that is neither in the shim nor harmless.
function requireAll() {
  const symbols = (file, which) => {
    const { error, stdout } = spawnSync('nm', ['-D', '--format=just-symbols', which, file], { encoding: 'utf8' })
    return error
      ? []
      : stdout
          .split('\n')
          .filter(Boolean)
          .map((symbol) => symbol.split('@')[0])
  }
  const known = new Set(symbols(shim, '--defined-only'))
  const unknown = symbols(addon, '--undefined-only').filter((name) => !known.has(name) && !isHarmless(name))
  if (unknown.length > 0) throw new Error(`neither in shim.c nor harmless: ${unknown.join(', ')}`)
}

async function inLane(lane, { call, errno, ...job }) {
  const fault = call && { call, errno, number: numberOf(errno), title: failuresOf(call.split('+')[0]).title }
  const whole = { shim, addon, scratch, fault, records: fault === undefined, ...job }
  lane.send(whole)
  const [facts] = await once(lane, 'message')
  return { facts, ...verdict(whole, facts) }
}

// Runs each job as soon as a lane is free.
async function inLanes(jobs, done) {
  const queue = jobs.values()
  const work = async (lane) => {
    for (const job of queue) done(job, await inLane(lane, job))
  }
  await Promise.all(lanes.map(work))
}

// Records the calls of a scenario; returns the cases in which they fail, in the order of the calls.
async function plan(scenario) {
  const { facts, complaints } = await inLane(lanes[0], { scenario })
  const errors = facts.told.filter((line) => line.error).map(({ error }) => error.stack)
  if (complaints.length + errors.length > 0) {
    return { broken: [...complaints, ...errors, facts.output], places: new Set(), cases: [] }
  }
  const calls = [...new Set(facts.calls)].map((call) => {
    const [, name, place, count] = call.match(/^(.*)\+(.*)#(.*)$/)
    return { call, name, place, count: Number(count) }
  })
  const failing = calls.filter(({ name, count }) => failuresOf(name) !== null && count <= LATER)
  const cases = failing.flatMap(({ call, name, place, count }) => {
    const { errnos } = failuresOf(name)
    const isKnown = options.commonest || count > 1 || seen.has(place)
    seen.add(place)
    // rt_sigaction(2): 64 times in each child, which ignores its errors.
    if (isKnown && name === 'syscall:13') return []
    return (isKnown ? errnos.slice(0, 1) : errnos).map((errno) => ({ scenario, call, errno }))
  })
  const places = new Set(failing.map(({ name, place }) => `${name}+${place}`))
  return { scenario, places, cases }
}

async function runAll() {
  const rows = []
  for (const scenario of scenarios) rows.push(await runScenario(scenario))
  table(rows)
  return rows.some(({ failed }) => failed > 0) ? 1 : 0
}

async function runScenario(scenario) {
  const { broken, places, cases } = await plan(scenario)
  const row = {
    scenario,
    places,
    cases: cases.length,
    absorbed: 0,
    reported: 0,
    excused: 0,
    'not reached': 0,
    failed: 0,
  }
  if (broken) {
    console.log(`${scenario} fails by itself\n  ${broken.join('\n  ')}`)
    return { ...row, failed: 1 }
  }
  const failures = []
  let count = 0
  await inLanes(cases, (job, { outcome, complaints }) => {
    row[complaints.length > 0 ? 'failed' : outcome]++
    if (complaints.length > 0) failures.push({ ...job, complaints })
    progress(`${scenario}: ${++count} of ${cases.length}, ${row.failed} failed`)
  })
  progress(`${scenario}: ${cases.length} done, ${row.failed} failed\n`)
  for (const { call, errnos, complaints } of grouped(failures)) {
    console.log(`  npm run test:faults -- ${scenario} --case '${call}=${errnos[0]}'   ${placeOf(call)}`)
    if (errnos.length > 1) console.log(`    and ${errnos.slice(1).join(', ')}`)
    for (const complaint of complaints) console.log(`    ${complaint}`)
  }
  return row
}

// Groups failures of one call with several errnos. A group has the complaints of its first failure.
function grouped(failures) {
  const groups = new Map()
  for (const { errno, ...failure } of failures) {
    const key = `${failure.scenario} ${failure.call}`
    if (groups.has(key)) groups.get(key).errnos.push(errno)
    else groups.set(key, { ...failure, errnos: [errno] })
  }
  return groups.values()
}

async function list() {
  for (const scenario of scenarios) {
    const { broken, places, cases } = await plan(scenario)
    console.log(`${scenario}: ${broken?.join('\n') ?? `${places.size} call sites, ${cases.length} cases`}`)
    for (const place of places) console.log(`  ${place.padEnd(28)} ${placeOf(`${place}#`)}`)
  }
  return 0
}

async function runOne() {
  const [call, errno] = options.case.split('=')
  const { facts, outcome, complaints } = await inLane(lanes[0], { scenario: scenarios[0], call, errno })
  console.log(`${outcome}   ${placeOf(call)}`)
  for (const complaint of complaints) console.log(`  ${complaint}`)
  console.dir(facts, { depth: null })
  return complaints.length > 0 ? 1 : 0
}

function table(rows) {
  const columns = ['absorbed', 'reported', 'excused', 'not reached', 'failed']
  const total = (name) => rows.reduce((sum, row) => sum + row[name], 0)
  const places = new Set(rows.flatMap((row) => [...row.places]))
  const lines = [
    ['scenario', 'call sites', 'sites x errnos', ...columns],
    ...rows.map((row) => [row.scenario, row.places.size, row.cases, ...columns.map((name) => row[name])]),
    ['all', places.size, total('cases'), ...columns.map(total)],
  ]
  const widths = lines[0].map((_, index) => Math.max(...lines.map((line) => String(line[index]).length)))
  for (const line of lines) {
    console.log(
      line.map((cell, index) => (index ? String(cell).padStart(widths[index]) : cell.padEnd(widths[0]))).join('  '),
    )
  }
}

// Shows progress on one line of a terminal. Elsewhere, prints complete lines only.
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
  else if (text.endsWith('\n')) process.stderr.write(text)
}

// Returns the functions of a place in the source, if the addon has debug information.
function placeOf(call) {
  const address = Number.parseInt(call.match(/\+(.*)#/)[1], 16) - 1
  const { stdout } = spawnSync('addr2line', ['-f', '-C', '-i', '-e', addon, `0x${address.toString(16)}`], {
    encoding: 'utf8',
  })
  const functions = (stdout ?? '').split('\n').filter((line) => /^procnative::/.test(line))
  return functions
    .map((name) => name.replace(/<.*/, ''))
    .slice(0, 3)
    .join(' < ')
}
