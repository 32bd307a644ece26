// Results of a soak: the table, the complaints and the summary.

import fs from 'node:fs'
import { EXACT } from './samples.mjs'

// The allowed growth from the first to the last third, in MiB. malloc's arenas and V8's pages come and go within it.
const BOUNDS = { rss: 8, heap: 1 }
// The part of the samples that counts as warm-up.
const WARM_UP = 0.1

// USER_HZ of Linux on x64.
const TICKS_PER_SECOND = 100

const COLUMNS = [...EXACT, ...Object.keys(BOUNDS)]
const line = (cells) => `| ${cells.join(' | ')} |`
const shown = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(1))

export const HEAD = [
  line(['minutes', 'out and back', ...COLUMNS, 'busy: descriptors', 'threads', 'processes', 'rss']),
  line(Array(COLUMNS.length + 6).fill('---')),
].join('\n')

export function row({ minutes, peak, ...sample }, tally) {
  const atWork = [peak.descriptors, peak.threads, peak.processes, peak.rss]
  return line([minutes.toFixed(1), tally.total, ...COLUMNS.map((what) => sample[what]), ...atWork].map(cell))
}
const cell = (value) => (typeof value === 'number' ? shown(value) : value)

// Returns the first and the last third of the samples after the warm-up.
function thirds(samples) {
  const warm = samples.slice(Math.ceil(samples.length * WARM_UP))
  const length = Math.floor(warm.length / 3)
  return length > 0 ? [warm.slice(0, length), warm.slice(-length)] : undefined
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

// Returns the processor time of this process and of its reaped children, which are all children at the end.
function processorSeconds() {
  const text = fs.readFileSync('/proc/self/stat', 'utf8')
  const [utime, stime, cutime, cstime] = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number)
  return (utime + stime + cutime + cstime) / TICKS_PER_SECOND
}

/** Returns the medians of the first and the last third, or undefined if the soak was too short. */
function compared(samples) {
  const parts = thirds(samples)
  return parts && COLUMNS.map((what) => ({ what, of: parts.map((part) => median(part.map((one) => one[what]))) }))
}

export function complaints({ start, samples, end, tally, fosters }) {
  const wrong = []
  for (const what of EXACT) {
    const different = samples.find((one) => one[what] !== samples[0][what])
    if (different)
      wrong.push(
        `${what}: ${different[what]}, and not ${samples[0][what]}, after ${different.minutes.toFixed(1)} minutes`,
      )
    if (end[what] !== start[what]) wrong.push(`${what}: ${start[what]} at the start, ${end[what]} at the end`)
  }
  for (const {
    what,
    of: [first, last],
  } of compared(samples) ?? []) {
    if (last - first > BOUNDS[what]) wrong.push(`${what}: from ${shown(first)} MiB to ${shown(last)} MiB`)
  }
  for (const { name, out, came } of tally.entries) {
    if (out === 0 || out !== came) wrong.push(`${name}: ${came} of ${out}`)
  }
  if (fosters.unclaimed.length > 0) wrong.push(`reaped without a start: ${fosters.unclaimed}`)
  return wrong
}

export function summary({ start, samples, end, tally, minutes }) {
  const cores = processorSeconds() / 60 / minutes
  return [
    `${minutes.toFixed(1)} minutes, ${cores.toFixed(1)} processors busy, ${tally.total} things out and back.`,
    '',
    line(['at rest', 'start', 'first third', 'last third', 'end']),
    line(Array(5).fill('---')),
    ...COLUMNS.map((what, index) => {
      const [first, last] = compared(samples)?.[index].of ?? ['-', '-']
      return line([what, start[what], first, last, end[what]].map(cell))
    }),
    '',
    line(['what', 'out', 'came']),
    line(Array(3).fill('---')),
    ...tally.entries.map(({ name, out, came }) => line([name, out, came])),
  ].join('\n')
}
