// spawnDaemon(): readiness by exec and by READY=1.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus, notify, spawnDaemon } from '../../index.js'
import { end, firstLine } from '../helpers/daemon.mjs'
import { release } from '../helpers/fifo.mjs'
import { hasProgram, isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { descriptors, isAlive, stat } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { commandOf, environmentOf, notifier, PYTHON, rejection, spawned } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'

const sleep = ['sleep', ['1000']]
const pick = (from, ...names) => Object.fromEntries(names.map((name) => [name, from[name]]))

test("spawnDaemon(): resolves only after READY=1, ready: 'notify'", {
  contract: 'D23',
  ...needs('mkfifo', hasProgram('mkfifo')),
}, async (t) => {
  const fifo = path.join(temporary(t), 'fifo')
  spawnSync('mkfifo', [fifo])
  const { started, said, told } = notifier(t, ['tell', 'send:STATUS=soon', `opens:${fifo}`, 'tell', 'send:READY=1'])
  const { pid } = await told(1)
  let resolved = false
  started.then(() => {
    resolved = true
  })
  let turns = 0
  // The event loop goes on meanwhile.
  await until(() => ++turns > 1000)
  assert.equal(resolved, false)
  await release(fifo)
  assert.deepEqual(await started, { pid })
  assert.equal(said().length, 2)
})

test('spawnDaemon(): hears systemd-notify --ready of the daemon', {
  contract: 'D23',
  ...needs('systemd-notify', hasProgram('systemd-notify')),
}, async (t) => {
  // As root, systemd-notify speaks for its parent, the shell.
  const { pid } = await spawnDaemon('sh', ['-c', 'systemd-notify --ready; exec sleep 1000'], { ready: 'notify' })
  t.after(() => end(pid))
  await until(() => commandOf(pid)[0] === 'sleep')
})

test('spawnDaemon(): ignores READY=1 of others, kills the group past readyTimeout', { contract: 'D23' }, async (t) => {
  const { started, said, told } = notifier(t, ['group', 'child:READY=1', 'tell'], { readyTimeout: 1500 })
  const { environment } = await told(3)
  // The message of this process is ignored too.
  const before = process.env.NOTIFY_SOCKET
  process.env.NOTIFY_SOCKET = environment.NOTIFY_SOCKET
  try {
    assert.equal(notify('READY=1'), true)
  } finally {
    if (before === undefined) delete process.env.NOTIFY_SOCKET
    else process.env.NOTIFY_SOCKET = before
  }
  const error = await rejection(started)
  assert.equal(error.code, 'ERR_PROCNATIVE_DAEMON_TIMEOUT')
  const [{ child }, , { pid }] = said()
  await until(() => !isAlive(pid) && !isAlive(child), 'the group is gone')
})

test('spawnDaemon(): believes READY=1 after that of another process', { contract: 'D23' }, async (t) => {
  const { started, told } = notifier(t, ['tell', 'child:READY=1', 'send:READY=1'])
  assert.equal((await started).pid, (await told(1)).pid)
})

test('spawnDaemon(): ignores messages other than READY=1', { contract: 'D23' }, async (t) => {
  const notReady = ['READY=0', 'READY=', ' READY=1', 'READY=10', 'NOTREADY=1'].map((text) => `send:${text}`)
  const { started, said } = notifier(t, [...notReady, 'long:READY=1', 'garbage', 'empty', 'tell'], {
    readyTimeout: 1500,
  })
  assert.equal((await rejection(started)).code, 'ERR_PROCNATIVE_DAEMON_TIMEOUT')
  // The daemon sent all messages.
  assert.equal(said().length, 1)
})

test('spawnDaemon(): hears READY=1 among other lines', { contract: 'D23' }, async (t) => {
  const { started } = notifier(t, ['send:STATUS=well\nREADY=1\nX=y'])
  assert.ok((await started).pid > 0)
})

test('spawnDaemon(): closes received descriptors, which answers BARRIER=1', { contract: 'D23' }, async (t) => {
  const { started, said } = notifier(t, ['descriptors:BARRIER=1', 'descriptors:FDSTORE=1', 'send:READY=1'])
  const open = Object.keys(descriptors()).length
  await started
  assert.deepEqual(said(), [{ closed: true }, { closed: true }])
  assert.ok(Object.keys(descriptors()).length <= open)
})

test('spawnDaemon(): resolves with the pid of MAINPID, pidFile names it', {
  contract: 'D23',
  ...needs('Node.js', isNode),
}, async (t) => {
  const directory = temporary(t)
  const pidFile = path.join(directory, 'pid')
  const args = [fixture('daemon.cjs'), JSON.stringify({ pidFile, stdout: path.join(directory, 'log') })]
  const { pid } = await spawnDaemon(process.execPath, args, { ready: 'notify', pidFile })
  t.after(() => end(pid))
  const facts = JSON.parse(fs.readFileSync(path.join(directory, 'log'), 'utf8').split('\n')[0])
  assert.equal(pid, facts.pid)
  assert.equal(fs.readFileSync(pidFile, 'utf8'), `${pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

for (const [how, step, expected] of [
  ['exit code 3', 'exit:3', { exitCode: 3, signal: null }],
  ['exit code 0', 'exit:0', { exitCode: 0, signal: null }],
  ['SIGKILL', 'die', { exitCode: null, signal: 'SIGKILL' }],
]) {
  test(`spawnDaemon(): rejects with ERR_PROCNATIVE_DAEMON_EXITED, ${how} before READY=1`, {
    contract: 'D23',
  }, async (t) => {
    const directory = temporary(t)
    const [stderr, pidFile] = ['err', 'pid'].map((name) => path.join(directory, name))
    fs.writeFileSync(stderr, 'of yesterday\n')
    const stdio = ['ignore', 'ignore', stderr]
    const { started } = notifier(t, ['write:the last words', step], { stdio, pidFile })
    const error = await rejection(started)
    assert.equal(error.code, 'ERR_PROCNATIVE_DAEMON_EXITED')
    assert.deepEqual(pick(error, 'exitCode', 'signal'), expected)
    if (step !== 'die') assert.equal(error.stderr, 'the last words')
    assert.equal(fs.existsSync(pidFile), false)
  })
}

test('spawnDaemon(): resolves, daemon ended right after READY=1', { contract: 'D23' }, async (t) => {
  for (let round = 0; round < repetitions(10); round++)
    assert.ok((await notifier(t, ['send:READY=1', 'exit:3']).started).pid > 0)
})

test('spawnDaemon(): resolves, daemon ready and ended, caller stopped meanwhile', {
  contract: 'D23',
  ...needs('mkfifo, and a runtime that has -e', hasProgram('mkfifo') && !('deno' in process.versions)),
}, async (t) => {
  const directory = temporary(t)
  const [fifo, log] = ['fifo', 'log'].map((name) => path.join(directory, name))
  spawnSync('mkfifo', [fifo])
  const args = [fixture('notify-in-steps.py'), 'tell', `opens:${fifo}`, 'send:STATUS=soon', 'send:READY=1', 'exit:3']
  const call = [PYTHON, args, { ready: 'notify', stdio: ['ignore', log, log] }]
  const script = `
      const { spawnDaemon } = require(${JSON.stringify(path.resolve(import.meta.dirname, '../../index.js'))})
      const say = ({ pid, code }) => console.log(JSON.stringify({ pid, code }))
      spawnDaemon(...${JSON.stringify(call)}).then(say, say)`
  const { child, ended } = run(process.execPath, ['-e', script])
  const { pid } = await until(() => fs.existsSync(log) && firstLine(log), 'the daemon tells its pid')
  child.kill('SIGSTOP')
  const threads = () => fs.readdirSync(`/proc/${child.pid}/task`).map((id) => stat(`${child.pid}/task/${id}`))
  await until(() => threads().every((thread) => thread?.state === 'T'), 'the caller is stopped')
  await release(fifo)
  await until(() => !isAlive(pid), 'the daemon has ended')
  child.kill('SIGCONT')
  const { stdout, stderr } = await ended
  assert.deepEqual(reports(stdout), [{ pid }], stderr)
})

test('notify(): restores the caller’s NOTIFY_SOCKET after READY=1', {
  contract: 'D23',
  ...needs('a runtime that has -e', !('deno' in process.versions)),
}, async (t) => {
  for (const manager of [path.join(temporary(t), 'manager'), undefined]) {
    const log = path.join(temporary(t), 'log')
    const script = `
      const { notify } = require(${JSON.stringify(path.resolve(import.meta.dirname, '../../index.js'))})
      const seen = () => console.log(JSON.stringify([process.env.NOTIFY_SOCKET ?? null, process.env.PROCNATIVE_NOTIFY_SOCKET ?? null]))
      seen(); notify('STATUS=starting'); seen(); notify('READY=1'); seen()
      setInterval(() => {}, 2 ** 30)`
    const env = { ...process.env, NOTIFY_SOCKET: manager }
    await spawned(t, process.execPath, ['-e', script], { env, ready: 'notify', stdio: ['ignore', log, log] })
    const [first, second, last] = await until(() => {
      const all = reports(fs.readFileSync(log, 'utf8'))
      return all.length === 3 && all
    })
    assert.match(first[0], /^@/)
    assert.equal(first[1], manager ?? '')
    assert.deepEqual(second, first)
    assert.deepEqual(last, [manager ?? null, null])
  }
})

test("spawnDaemon(): passes NOTIFY_SOCKET on, ready: 'exec'", { contract: 'D23' }, async (t) => {
  const env = { ...process.env, NOTIFY_SOCKET: '/a/manager' }
  const { NOTIFY_SOCKET, PROCNATIVE_NOTIFY_SOCKET } = await environmentOf(await spawned(t, ...sleep, { env }))
  assert.deepEqual([NOTIFY_SOCKET, PROCNATIVE_NOTIFY_SOCKET], ['/a/manager', undefined])
})
