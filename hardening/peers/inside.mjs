// inside.mjs SCRATCH GROUP...: runs groups of scenarios in the namespaces that inside.sh made, and records each outcome.

import fs from 'node:fs'
import path from 'node:path'
import { eventually } from '../../__test__/helpers/until.mjs'
import { GROUPS, needsMachine } from './groups.mjs'
import { Machine } from './machine.mjs'
import { Missing } from './missing.mjs'
import { line } from './table.mjs'

const [scratch, ...groups] = process.argv.slice(2)
const results = path.join(scratch, 'results')

function note(row) {
  fs.appendFileSync(results, `${JSON.stringify(row)}\n`)
  console.log(line(row))
}

/** Returns a function that runs a scenario of a peer. `clean` tidies up after it, and returns what the scenario has left. */
function recorder(peer, clean = async () => []) {
  return async (scenario, body) => {
    const began = performance.now()
    const failures = []
    let lack
    try {
      await body()
    } catch (error) {
      if (error instanceof Missing) lack = error.message
      else failures.push(error.stack)
    }
    try {
      const left = await clean()
      if (left.length > 0) failures.push(`left: ${left.join(', ')}`)
    } catch (error) {
      failures.push(error.stack)
    }
    const result = failures.length > 0 ? 'FAILED' : lack ? 'SKIPPED' : 'passed'
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    note({ peer, scenario, result, seconds, words: failures.join('\n') || lack })
  }
}

/** Returns the processes of this namespace, except for PID 1 and this one. */
function others() {
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => pid !== 1 && pid !== process.pid)
}

let machine
for (const name of groups) {
  try {
    await runGroup(name)
  } catch (error) {
    const result = error instanceof Missing ? 'SKIPPED' : 'FAILED'
    note({ peer: name, scenario: 'what was to come', result, seconds: '0.0', words: error.stack })
  }
}
await machine?.powerOff()

async function runGroup(name) {
  if (!needsMachine(name)) return GROUPS[name]({ scratch, recorder })
  machine ??= await Machine.boot(path.join(scratch, 'machine'))
  await GROUPS[name]({ machine, scenario: recorder(name, () => machine.clean()) })
}

await recorder('peers')('no process is left in the namespace', async () => {
  const named = (pid) => `${pid} ${fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim()}`
  if (!(await eventually(() => others().length === 0))) throw new Error(others().map(named).join(', '))
})
