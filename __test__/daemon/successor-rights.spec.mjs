// D19, D25: who may hand a pid file over, and what becomes of it where that goes wrong.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus, listenUnix, spawnDaemon, stopDaemon } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { release } from '../helpers/fifo.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { descriptors, isAlive } from '../helpers/proc.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, root, run, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

/** Runs fixtures/holder.cjs; what each of its steps came to. What still runs of its pid file is stopped afterwards. */
async function hold(context, ...steps) {
  const pidFile = path.join(temporary(context), 'pid')
  context.after(() => stopDaemon(pidFile))
  const { code, stdout, stderr } = await runScript(fixture('daemon/holder.cjs'), [pidFile, [...steps, 'exit'].join()])
  assert.equal(code, 0, stderr)
  return { pidFile, told: reports(stdout) }
}

for (const [step, code] of [
  ['failing', 'ERR_PROCNATIVE_DAEMON_EXITED'],
  ['failing by time', 'ERR_PROCNATIVE_DAEMON_TIMEOUT'],
]) {
  test(`a successor that calls daemonize() and fails (${code}) leaves the predecessor its file`, {
    contract: 'D25',
  }, async (t) => {
    const { pidFile, told } = await hold(t, step)
    const [{ pid, came, status }] = told
    assert.equal(came.code, code)
    assert.deepEqual(status, { running: true, pid })
    // Its own, which it has removed.
    assert.equal(fs.existsSync(pidFile), false)
  })
}

test('after a successor that failed, the next one takes the file over', { contract: 'D25' }, async (t) => {
  const { pidFile, told } = await hold(t, 'failing', 'failing by time', 'good')
  assert.deepEqual(told[2].status, { running: true, pid: told[2].came })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: told[2].came })
})

test("a successor that has the file by ready: 'exec', and then calls daemonize(), has it name its daemon", {
  contract: 'D25',
}, async (t) => {
  const { pidFile, told } = await hold(t, 'launching')
  const [{ came: launcher }] = told
  const named = await until(() => {
    const { pid } = daemonStatus(pidFile)
    return pid !== launcher && pid
  }, 'the file names the daemon')
  await until(() => !isAlive(launcher), 'its launcher has ended')
  assert.equal(fs.readFileSync(pidFile, 'utf8'), `${named}\n`)
})

test('of two successors at a time, one is refused: ERR_PROCNATIVE_ALREADY_RUNNING', { contract: 'D25' }, async (t) => {
  const { pidFile, told } = await hold(t, 'two')
  const [{ pid, came }] = told
  const [winner] = came.filter((one) => typeof one === 'number')
  assert.deepEqual(
    came.filter((one) => typeof one !== 'number'),
    [{ code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid }],
  )
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: winner })
})

test('who has handed it over can’t do so again', { contract: 'D25' }, async (t) => {
  const { told } = await hold(t, 'good', 'good')
  assert.deepEqual(told[1].came, { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid: told[0].came })
})

test('the number that a successor has had the file at is nothing to it when it has handed the file on', {
  contract: 'D25',
}, async (t) => {
  const { pidFile } = await hold(t, 'handing on')
  const refused = 'ERR_PROCNATIVE_ALREADY_RUNNING'
  const file = `${pidFile}.told`
  await until(() => fs.existsSync(file) && fs.readFileSync(file, 'utf8').endsWith('}'))
  const { pid, ...told } = JSON.parse(fs.readFileSync(file, 'utf8'))
  assert.deepEqual(told, { inWorker: refused, inCopy: refused, own: '/dev/null' })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

test('a successor that is not ready yet can’t hand on what is its predecessor’s still', {
  contract: 'D25',
}, async (t) => {
  const { pidFile, told } = await hold(t, 'hasty')
  const [{ pid, came: successor }] = told
  const refused = JSON.parse(fs.readFileSync(`${pidFile}.told`, 'utf8'))
  assert.deepEqual(refused, { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: successor })
})

test('a predecessor that ends before its successor is ready leaves it the file', { contract: 'D25' }, async (t) => {
  const { pidFile, told } = await hold(t, 'leave')
  const named = await until(() => {
    const { pid } = daemonStatus(pidFile)
    return pid !== null && pid !== told[0].pid && pid
  }, 'the file names the successor')
  assert.equal(fs.readFileSync(pidFile, 'utf8'), `${named}\n`)
  assert.deepEqual(await stopDaemon(pidFile), { pid: named, killed: false })
  assert.equal(fs.existsSync(pidFile), false)
})

test('a child of a daemon that hands its descriptors on is no successor', { contract: 'D19' }, async (t) => {
  const directory = temporary(t)
  const [pidFile, log] = ['pid', 'log'].map((name) => path.join(directory, name))
  const script = `require(${JSON.stringify(root)}).spawnDaemon('sleep', ['1000'], { pidFile: process.argv[1] })
    .then(console.log, ({ code, pid }) => console.log(JSON.stringify({ code, pid })))`
  // The shell gives its child all that it has, the lock of its pid file among it.
  const shell = ['-c', '"$@"; exec sleep 1000', 'sh', process.execPath, '-e', script, pidFile]
  const { pid } = await spawnDaemon('sh', shell, { pidFile, stdio: ['ignore', log, log] })
  t.after(() => end(pid))
  const text = await until(
    () => fs.existsSync(log) && fs.readFileSync(log, 'utf8').endsWith('\n') && fs.readFileSync(log),
  )
  assert.deepEqual(JSON.parse(text), { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

test('descriptors that a stranger sends to the NOTIFY_SOCKET do not fill the caller’s table', {
  contract: 'D23',
}, async () => {
  const { code, stdout, stderr } = await run('python3', [
    fixture('daemon/sends-descriptors.py'),
    process.execPath,
    root,
  ]).ended
  assert.equal(code, 0, stderr)
  const { before, after, pid } = JSON.parse(stdout)
  assert.ok(pid > 0)
  assert.equal(after, before)
})

test('what was handed over is closed in the caller while it waits', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  const fifo = path.join(directory, 'fifo')
  await run('mkfifo', [fifo]).ended
  const socket = listenUnix(path.join(directory, 'socket'))
  const link = fs.readlinkSync(`/proc/self/fd/${socket.fd}`)
  const args = [fixture('notifies.py'), `opens:${fifo}`, 'send:READY=1']
  const started = spawnDaemon('python3', args, { ready: 'notify', listen: [socket] })
  socket.close()
  await until(() => !Object.values(descriptors()).includes(link), 'nothing leads to it here')
  // Only now it becomes ready.
  await release(fifo)
  const { pid } = await started
  t.after(() => end(pid))
})
