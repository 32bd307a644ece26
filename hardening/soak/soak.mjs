// npm run test:soak [-- --minutes 30]: everything at once for a long time. Every ten seconds, all jobs come to rest. Then the
// numbers of descriptors, threads and processes must be the same, memory must not grow, and nothing may be lost.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { children } from '../../__test__/helpers/proc.mjs'
import { inTime } from '../../__test__/helpers/until.mjs'
import procnative from '../../index.js'
import { Fosters } from './fosters.mjs'
import { jobs } from './jobs.mjs'
import { atRest, settle, snapshot } from './samples.mjs'
import { Tally } from './tally.mjs'
import { complaints, HEAD, row, summary } from './verdict.mjs'

const INTERVAL = 10_000
// A job that takes longer is hanging.
const PATIENCE_MS = 120_000

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' } } })
const length = Number(values.minutes) * 60_000
if (!(length > 0)) throw new Error(`--minutes ${values.minutes} is no length of time`)

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-soak-'))
process.on('exit', () => {
  fs.rmSync(directory, { recursive: true, force: true })
  // A soak that fails halfway has children. As a subreaper, this process has adopted all descendants.
  for (const pid of children()) process.kill(pid, 'SIGKILL')
})

await settle()
const start = await atRest()
procnative.setChildSubreaper(true)
const tally = new Tally()
const fosters = new Fosters(tally)
const reaping = procnative.reapOrphans((status) => fosters.reaped(status))
const running = []
for (const begin of jobs) running.push({ name: begin.name, ...(await begin({ tally, fosters, directory })) })

const began = Date.now()
const minutes = () => (Date.now() - began) / 60_000
const samples = []
console.log(HEAD)
while (Date.now() - began < length) {
  const end = Math.min(Date.now() + INTERVAL, began + length)
  const inTheMiddle = setTimeout((end - Date.now()) / 2).then(snapshot)
  const [peak] = await Promise.all([inTheMiddle, ...running.map((job) => rounds(job, end))])
  samples.push({ minutes: minutes(), peak, ...(await atRest(samples[0])) })
  console.log(row(samples.at(-1), tally))
}

for (const job of running) if (job.stop) await inTime(job.stop(), `the end of ${job.name}`, PATIENCE_MS)
reaping.stop()
procnative.setChildSubreaper(false)
const end = await atRest(start)

const wrong = complaints({ start, samples, end, tally, fosters })
console.log(`\n${summary({ start, samples, end, tally, minutes: minutes() })}`)
for (const one of wrong) console.log(`FAILED: ${one}`)
process.exitCode = wrong.length > 0 ? 1 : 0

async function rounds(job, until) {
  do await inTime(job.round(), `a round of ${job.name}`, PATIENCE_MS)
  while (Date.now() < until)
}
