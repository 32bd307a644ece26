// Pid files whose process can't be looked at, or whose number comes from another pid namespace.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus, spawnDaemon, stopDaemon } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { AS_NOBODY, askElsewhere, locker, newPidFile, read, start, startForeground } from '../helpers/pid-file.mjs'
import { isAlive, status } from '../helpers/proc.mjs'
import { reportsSoFar } from '../helpers/report.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { PYTHON } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'

const python = needs('python3', hasProgram('python3'))
const root = needs('root, setpriv and python3', isRoot && hasProgram('setpriv') && hasProgram('python3'))
const namespaces = needs('root, unshare and setpriv', isRoot && hasProgram('unshare') && hasProgram('setpriv'))

const UNKNOWN = { running: true, pid: null }
/** Root as in a default container: it may not look at the descriptors of other users' processes. */
const AS_CONTAINER_ROOT = ['setpriv', '--bounding-set=-sys_ptrace', '--inh-caps=-sys_ptrace']
const IN_NAMESPACE = ['unshare', '-pf', '--mount-proc', '--kill-child']
const HOLDER_UNKNOWN = 'ERR_PROCNATIVE_HOLDER_UNKNOWN'

const codeOf = ({ code }) => code

/** Starts a process of another user, unrelated to any pid file. */
async function otherUsers(context) {
  const [program, ...args] = [...AS_NOBODY, 'sleep', '1000']
  const { pid } = spawn(program, args, { stdio: 'ignore' })
  context.after(() => end(pid))
  await until(() => status(pid, 'Uid')?.startsWith('65534') && status(pid, 'Name') === 'sleep')
  return pid
}

for (const [what, hold] of [
  ['older process that it may not look at', (context, pidFile) => locker(context).lock(pidFile, 'write')],
  ['stranger named by a forged pid file', (context, pidFile) => start(context, { pidFile, user: 'nobody' })],
]) {
  test(`stopDaemon(): signals no ${what}`, root, async (t) => {
    const pidFile = newPidFile(t)
    const stranger = await otherUsers(t)
    await hold(t, pidFile)
    fs.writeFileSync(pidFile, `${stranger}\n`)
    assert.deepEqual(await askElsewhere(AS_CONTAINER_ROOT, 'daemonStatus', pidFile), { value: UNKNOWN })
    assert.equal(codeOf(await askElsewhere(AS_CONTAINER_ROOT, 'stopDaemon', pidFile)), HOLDER_UNKNOWN)
    assert.equal(isAlive(stranger), true)
  })
}

test('stopDaemon(): stops another user’s daemon that it may not look at', root, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile, user: 'nobody' })
  assert.deepEqual(await askElsewhere(AS_CONTAINER_ROOT, 'daemonStatus', pidFile), { value: { running: true, pid } })
  const stopped = await askElsewhere(AS_CONTAINER_ROOT, 'stopDaemon', pidFile)
  assert.deepEqual(stopped, { value: { pid, killed: false } })
})

test('stopDaemon(): stops another user’s foreground daemon that it may not look at', root, async (t) => {
  const pidFile = newPidFile(t)
  const { pid, ended } = await startForeground(t, { pidFile, user: 'nobody' })
  const stopped = await askElsewhere(AS_CONTAINER_ROOT, 'stopDaemon', pidFile)
  assert.deepEqual(stopped, { value: { pid, killed: false } })
  await ended
})

test('daemonStatus(): names a successor that it may not look at', root, async (t) => {
  const directory = temporary(t)
  const [pidFile, log] = ['pid', 'log'].map((name) => path.join(directory, name))
  fs.writeFileSync(log, '')
  const { ended } = run(process.execPath, [
    fixture('daemon/hand-over-pid-file.mjs'),
    JSON.stringify({ pidFile, log, remaining: 1 }),
  ])
  const { successor } = await until(() => reportsSoFar(read(log)).find((one) => one.successor), 'a successor')
  t.after(() => end(successor))
  await ended
  fs.chmodSync(pidFile, 0o644)
  const answer = await askElsewhere(AS_NOBODY, 'daemonStatus', pidFile)
  assert.deepEqual(answer, { value: { running: true, pid: successor } })
})

test('stopDaemon(): believes no pid of another pid namespace, such as 1', namespaces, async (t) => {
  const pidFile = newPidFile(t)
  const options = JSON.stringify({ foreground: true, pidFile })
  const [unshare, ...inNamespace] = IN_NAMESPACE
  const daemon = run(unshare, [...inNamespace, process.execPath, fixture('pid-file-daemon.cjs'), options])
  t.after(() => end(daemon.child.pid).then(() => daemon.ended))
  await until(() => daemonStatus(pidFile).running && read(pidFile) === '1\n', 'the daemon is PID 1')
  assert.deepEqual(daemonStatus(pidFile), UNKNOWN)
  // A second namespace. Its PID 1 belongs to another user and is older than the content of the file.
  for (const [name, expected] of [
    ['daemonStatus', { value: UNKNOWN }],
    ['stopDaemon', HOLDER_UNKNOWN],
  ]) {
    fs.utimesSync(pidFile, new Date(), new Date())
    const answer = await askBesideStranger(t, name, pidFile)
    assert.deepEqual(answer.value ? answer : answer.code, expected)
  }
})

/** Asks in a pid namespace whose PID 1 belongs to another user and can't be looked at. */
async function askBesideStranger(context, name, pidFile) {
  const script = `ask() { until grep -q "^Uid:.65534" /proc/1/status; do :; done; exec "$@"; }
    ask "$@" & exec ${AS_NOBODY.join(' ')} sleep 1000 >/dev/null 2>&1`
  const ask = [...AS_CONTAINER_ROOT, process.execPath, fixture('call-function.cjs'), name, JSON.stringify([pidFile])]
  const [unshare, ...inNamespace] = IN_NAMESPACE
  const { child, ended } = run(unshare, [...inNamespace, 'sh', '-c', script, 'sh', ...ask])
  context.after(() => ended)
  let answer = ''
  child.stdout.on('data', (text) => {
    answer += text
  })
  await until(() => answer.endsWith('\n'), 'an answer')
  // The namespace ends with its PID 1. Because that changed its user, it has outlived its parent.
  process.kill(Number(read(`/proc/${child.pid}/task/${child.pid}/children`)), 'SIGKILL')
  return JSON.parse(answer)
}

test('daemonStatus(): names no process, /proc of another pid namespace', namespaces, async (t) => {
  const pidFile = newPidFile(t)
  await start(t, { pidFile })
  const withHostsProc = ['unshare', '-pf', '--kill-child']
  assert.deepEqual(await askElsewhere(withHostsProc, 'daemonStatus', pidFile), { value: UNKNOWN })
})

// exit(2) ends the first thread only. The second thread stays.
const END_FIRST_THREAD = `
import ctypes, os, threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
`

test('stopDaemon(): stops a daemon whose first thread has ended', python, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await spawnDaemon(PYTHON, ['-c', END_FIRST_THREAD], { pidFile })
  t.after(() => end(pid))
  await until(() => status(pid, 'State').startsWith('Z'), 'its first thread has ended')
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  assert.deepEqual(await stopDaemon(pidFile), { pid, killed: false })
})

test(
  'daemonStatus(): asks once for each descriptor that can’t be a lock',
  needs('python3 and strace', hasProgram('python3') && hasProgram('strace')),
  async (t) => {
    const [count, pidFile] = [3000, newPidFile(t)]
    const holder = run(PYTHON, [fixture('daemon/many-descriptors.py'), count, pidFile])
    t.after(() => end(holder.child.pid).then(() => holder.ended))
    await until(() => daemonStatus(pidFile).running, 'the holder has the lock')
    const trace = path.join(temporary(t), 'trace')
    const answer = await askElsewhere(['strace', '-f', '-qq', '-o', trace], 'daemonStatus', pidFile)
    assert.deepEqual(answer, { value: { running: true, pid: holder.child.pid } })
    const calls = read(trace).match(/^\d+ +(newfstatat|readlinkat|openat|read|close)\(/gm).length
    // The start of Node.js alone takes one or two thousand calls.
    assert.ok(calls < 2 * count, `${calls} calls for ${count} descriptors`)
  },
)
