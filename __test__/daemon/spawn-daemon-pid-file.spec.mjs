// spawnDaemon(): pid files, and concurrent starts.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus, spawnDaemon, stopDaemon } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'
import { PYTHON, rejection, spawned } from '../helpers/spawned.mjs'

const sleep = ['sleep', ['1000']]
const pick = (from, ...names) => Object.fromEntries(names.map((name) => [name, from[name]]))

test('spawnDaemon(): pidFile is locked and written when it resolves', { contract: 'D23' }, async (t) => {
  const pidFile = path.join(temporary(t), 'pid')
  const pid = await spawned(t, ...sleep, { pidFile })
  assert.equal(fs.readFileSync(pidFile, 'utf8'), `${pid}\n`)
  assert.equal(fs.statSync(pidFile).mode & 0o777, 0o600)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  const error = await rejection(spawnDaemon(...sleep, { pidFile }))
  assert.deepEqual(pick(error, 'code', 'pid'), { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid })
  assert.deepEqual(await stopDaemon(pidFile), { pid, killed: false })
  assert.deepEqual(daemonStatus(pidFile), { running: false, pid: null })
})

for (const ready of ['exec', 'notify']) {
  test(`spawnDaemon(): one of 50 starts in one process wins, ready: '${ready}'`, { contract: 'D23' }, async (t) => {
    const pidFile = path.join(temporary(t), 'pid')
    const call = [
      PYTHON,
      [fixture('notify-in-steps.py'), ...(ready === 'notify' ? ['send:READY=1'] : [])],
      { pidFile, ready },
    ]
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => spawnDaemon(...call)))
    const pids = results.filter(({ status }) => status === 'fulfilled').map(({ value }) => value.pid)
    for (const pid of pids) t.after(() => end(pid))
    const errors = results.filter(({ status }) => status === 'rejected').map(({ reason }) => reason)
    assert.deepEqual([pids.length, errors.length], [1, 49])
    for (const { code, pid } of errors) assert.deepEqual([code, pid], ['ERR_PROCNATIVE_ALREADY_RUNNING', pids[0]])
    assert.equal(fs.readFileSync(pidFile, 'utf8'), `${pids[0]}\n`)
  })
}

test('spawnDaemon(): one of 50 starts in 10 processes wins', { contract: 'D23' }, async (t) => {
  const pidFile = path.join(temporary(t), 'pid')
  const calls = Array(5).fill([...sleep, { pidFile }])
  const starters = Array.from({ length: 10 }, () => runScript(fixture('spawn-daemons.mjs'), [JSON.stringify(calls)]))
  const outcomes = (await Promise.all(starters)).flatMap(({ stdout }) => reports(stdout))
  const lives = outcomes.filter(({ code }) => code === undefined)
  for (const { pid } of lives) t.after(() => end(pid))
  assert.deepEqual([outcomes.length, lives.length], [50, 1])
  const refused = outcomes.filter(({ code }) => code === 'ERR_PROCNATIVE_ALREADY_RUNNING')
  assert.equal(refused.length, 49)
  for (const { pid } of refused) assert.equal(pid, lives[0].pid)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: lives[0].pid })
})
