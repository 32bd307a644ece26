// Runs cases in a row, each in its own process. This process adopts their orphans, so that it sees what is left.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { children, isAlive } from '../../__test__/helpers/proc.mjs'
import { eventually } from '../../__test__/helpers/until.mjs'
import { setChildSubreaper, waitpid } from '../../index.js'

const LONGEST = 30_000
const SCRIPT = fileURLToPath(new URL('case.mjs', import.meta.url))

setChildSubreaper(true)
process.on('message', async ({ number, ...job }) => process.send({ number, ...(await run(job)) }))

// Returns the variables that the preloaded shim reads (shim.c).
function settings({ shim, addon, fault, records }, place) {
  return {
    LD_PRELOAD: shim,
    PROCNATIVE_FAULT_OBJECT: addon,
    PROCNATIVE_FAULT_REPORT: place('report'),
    ...(records ? { PROCNATIVE_FAULT_NOTES: place('notes') } : {}),
    ...(fault ? { PROCNATIVE_FAULT: `${fault.call}=${fault.number}`, PROCNATIVE_FAULT_TOKEN: place('token') } : {}),
  }
}

async function run(job) {
  const scratch = fs.mkdtempSync(path.join(job.scratch, 'case-'))
  const place = (name) => path.join(scratch, name)
  // Processes of another user write there, too.
  fs.chmodSync(scratch, 0o777)
  fs.mkdirSync(place('files'))
  fs.chmodSync(place('files'), 0o777)
  for (const name of ['report', 'output', 'notes', 'token']) {
    fs.writeFileSync(place(name), '')
    fs.chmodSync(place(name), 0o666)
  }
  const output = fs.openSync(place('output'), 'a')
  const env = { ...process.env, ...settings(job, place) }
  const child = spawn(process.execPath, [SCRIPT, job.scenario, place('files')], {
    env,
    // A session of its own: the case can't kill this process by its group.
    detached: true,
    stdio: ['ignore', output, output],
  })
  fs.closeSync(output)
  const { code, signal, isLate } = await ended(child)
  const processes = await leftProcesses()
  const read = (name) => fs.readFileSync(place(name), 'utf8')
  const facts = {
    code,
    signal,
    isLate,
    processes,
    told: read('report').split('\n').filter(Boolean).map(JSON.parse),
    calls: read('notes').split('\n').filter(Boolean),
    output: read('output'),
    files: fs.readdirSync(place('files')),
    isReached: job.fault !== undefined && !fs.existsSync(place('token')),
  }
  fs.rmSync(scratch, { recursive: true })
  return facts
}

async function ended(child) {
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
  }, LONGEST)
  const [code, signal] = await once(child, 'exit')
  clearTimeout(timer)
  return { code, signal, isLate }
}

// Kills the processes that still run; returns their commands. Reaps the ended orphans, as init would.
async function leftProcesses() {
  const running = () => children().filter(isAlive)
  const left = []
  while (!(await eventually(() => running().length === 0))) {
    for (const pid of running()) {
      left.push(commandOf(pid))
      process.kill(pid, 'SIGKILL')
    }
  }
  for (const pid of children()) waitpid(pid)
  return left
}

const commandOf = (pid) => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
