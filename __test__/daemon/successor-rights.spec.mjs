// The right to hand a pid file over, and hand-overs that fail.

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

/** Runs fixtures/hold-pid-file.cjs; returns the report of each step. Stops the daemon of the pid file after the test. */
async function hold(context, ...steps) {
  const pidFile = path.join(temporary(context), 'pid')
  context.after(() => stopDaemon(pidFile))
  const { code, stdout, stderr } = await runScript(fixture('daemon/hold-pid-file.cjs'), [
    pidFile,
    [...steps, 'exit'].join(),
  ])
  assert.equal(code, 0, stderr)
  return { pidFile, told: reports(stdout) }
}

for (const [step, code] of [
  ['failing', 'ERR_PROCNATIVE_DAEMON_EXITED'],
  ['failing by time', 'ERR_PROCNATIVE_DAEMON_TIMEOUT'],
]) {
  test(`spawnDaemon(): a successor that fails (${code}) leaves its predecessor the file`, {
    contract: 'D25',
  }, async (t) => {
    const { pidFile, told } = await hold(t, step)
    const [{ pid, came, status }] = told
    assert.equal(came.code, code)
    assert.deepEqual(status, { running: true, pid })
    // The file was still its own, and it removed the file at its exit.
    assert.equal(fs.existsSync(pidFile), false)
  })
}

test('spawnDaemon(): a successor takes the file over after failed ones', { contract: 'D25' }, async (t) => {
  const { pidFile, told } = await hold(t, 'failing', 'failing by time', 'good')
  assert.deepEqual(told[2].status, { running: true, pid: told[2].came })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: told[2].came })
})

test("spawnDaemon(): the file names the daemon of a successor, ready: 'exec'", { contract: 'D25' }, async (t) => {
  const { pidFile, told } = await hold(t, 'launching')
  const [{ came: launcher }] = told
  const named = await until(() => {
    const { pid } = daemonStatus(pidFile)
    return pid !== launcher && pid
  }, 'the file names the daemon')
  await until(() => !isAlive(launcher), 'the launcher of the daemon has ended')
  assert.equal(fs.readFileSync(pidFile, 'utf8'), `${named}\n`)
})

test('spawnDaemon(): refuses one of two successors at a time', { contract: 'D25' }, async (t) => {
  const { pidFile, told } = await hold(t, 'two')
  const [{ pid, came }] = told
  const [winner] = came.filter((one) => typeof one === 'number')
  assert.deepEqual(
    came.filter((one) => typeof one !== 'number'),
    [{ code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid }],
  )
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: winner })
})

test('spawnDaemon(): refuses another successor after a hand-over', { contract: 'D25' }, async (t) => {
  const { told } = await hold(t, 'good', 'good')
  assert.deepEqual(told[1].came, { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid: told[0].came })
})

test('spawnDaemon(): forgets the descriptor of a file that it handed on', { contract: 'D25' }, async (t) => {
  const { pidFile } = await hold(t, 'handing on')
  const refused = 'ERR_PROCNATIVE_ALREADY_RUNNING'
  const file = `${pidFile}.told`
  await until(() => fs.existsSync(file) && fs.readFileSync(file, 'utf8').endsWith('}'))
  const { pid, ...told } = JSON.parse(fs.readFileSync(file, 'utf8'))
  assert.deepEqual(told, { inWorker: refused, inCopy: refused, own: '/dev/null' })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

test('spawnDaemon(): refuses a successor that hands on before it is ready', { contract: 'D25' }, async (t) => {
  const { pidFile, told } = await hold(t, 'hasty')
  const [{ pid, came: successor }] = told
  const refused = JSON.parse(fs.readFileSync(`${pidFile}.told`, 'utf8'))
  assert.deepEqual(refused, { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: successor })
})

test('spawnDaemon(): a predecessor that ends early leaves its successor the file', { contract: 'D25' }, async (t) => {
  const { pidFile, told } = await hold(t, 'leave')
  const named = await until(() => {
    const { pid } = daemonStatus(pidFile)
    return pid !== null && pid !== told[0].pid && pid
  }, 'the file names the successor')
  assert.equal(fs.readFileSync(pidFile, 'utf8'), `${named}\n`)
  assert.deepEqual(await stopDaemon(pidFile), { pid: named, killed: false })
  assert.equal(fs.existsSync(pidFile), false)
})

test('spawnDaemon(): refuses a child that inherits the lock', { contract: 'D19' }, async (t) => {
  const directory = temporary(t)
  const [pidFile, log] = ['pid', 'log'].map((name) => path.join(directory, name))
  const script = `require(${JSON.stringify(root)}).spawnDaemon('sleep', ['1000'], { pidFile: process.argv[1] })
    .then(console.log, ({ code, pid }) => console.log(JSON.stringify({ code, pid })))`
  // The child of the shell inherits all its descriptors, also the lock of the pid file.
  const shell = ['-c', '"$@"; exec sleep 1000', 'sh', process.execPath, '-e', script, pidFile]
  const { pid } = await spawnDaemon('sh', shell, { pidFile, stdio: ['ignore', log, log] })
  t.after(() => end(pid))
  const text = await until(
    () => fs.existsSync(log) && fs.readFileSync(log, 'utf8').endsWith('\n') && fs.readFileSync(log),
  )
  assert.deepEqual(JSON.parse(text), { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

test('spawnDaemon(): a stranger’s descriptors do not fill the caller’s table', { contract: 'D23' }, async () => {
  const { code, stdout, stderr } = await run('python3', [
    fixture('daemon/send-stray-descriptors.py'),
    process.execPath,
    root,
  ]).ended
  assert.equal(code, 0, stderr)
  const { before, after, pid } = JSON.parse(stdout)
  assert.ok(pid > 0)
  assert.equal(after, before)
})

test('spawnDaemon(): holds no copy of `listen` while it waits', { contract: 'D23' }, async (t) => {
  const directory = temporary(t)
  const fifo = path.join(directory, 'fifo')
  await run('mkfifo', [fifo]).ended
  const socket = listenUnix(path.join(directory, 'socket'))
  const link = fs.readlinkSync(`/proc/self/fd/${socket.fd}`)
  const args = [fixture('notify-in-steps.py'), `opens:${fifo}`, 'send:READY=1']
  const started = spawnDaemon('python3', args, { ready: 'notify', listen: [socket] })
  socket.close()
  await until(() => !Object.values(descriptors()).includes(link), 'this process holds no copy')
  // Now the daemon becomes ready.
  await release(fifo)
  const { pid } = await started
  t.after(() => end(pid))
})
