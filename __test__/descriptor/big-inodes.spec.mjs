// Inode numbers of more than 53 bits, too long for a double. Markers in the environment name descriptors by them.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { hasProgram, isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { newPidFile, start } from '../helpers/pid-file.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, library, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const compiler = needs('Node.js and a C compiler, cc', isNode && hasProgram('cc'))

/** An environment where each inode number has 58 bits. */
function bigInodes(context) {
  const library = path.join(temporary(context), 'big-inodes.so')
  execFileSync('cc', ['-shared', '-fPIC', '-o', library, fixture('descriptor/big-inodes.c')])
  return { ...process.env, LD_PRELOAD: library }
}

test('daemonize(): finds its launcher, locks its pid file, 58-bit inodes', compiler, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile }, { env: bigInodes(t) })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

test('spawnDaemon(): hands its pid file over, 58-bit inodes', compiler, async (t) => {
  const [pidFile, log] = [newPidFile(t), path.join(temporary(t), 'log')]
  const settings = JSON.stringify({ pidFile, log, remaining: 1 })
  const { ended } = run(process.execPath, [fixture('daemon/hand-over-pid-file.mjs'), settings], { env: bigInodes(t) })
  const { stderr } = await ended
  assert.equal(stderr, '')
  const { successor } = reports(fs.readFileSync(log, 'utf8')).find((one) => one.successor)
  t.after(() => end(successor))
  await until(() => daemonStatus(pidFile).pid === successor, 'the pid file names the successor')
})

test('parentChannel(): finds the channel, 58-bit inodes', compiler, async (t) => {
  const script = `const { fork } = require(${JSON.stringify(library)})
    const child = fork(${JSON.stringify(fixture('channel/obey-parent.mjs'))})
    child.handles.send({ order: 'say', args: ['found'] })
    child.handles.once('message', (text) => { console.log(text); child.kill(); child.handles.destroy() })`
  const { stdout, stderr } = await run(process.execPath, ['-e', script], { env: bigInodes(t) }).ended
  assert.equal(stdout, 'found\n', stderr)
})
