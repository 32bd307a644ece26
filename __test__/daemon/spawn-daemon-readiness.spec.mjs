// spawnDaemon(): failures, readiness, threads of the caller, and pid files.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { daemonStatus, notify, spawnDaemon, stopDaemon } from '../../index.js'
import { end, firstLine } from '../helpers/daemon.mjs'
import { release } from '../helpers/fifo.mjs'
import { hasProgram, isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { children, descriptors, isAlive, startedWith, stat } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run, runScript } from '../helpers/run.mjs'
import { commandOf, environmentOf, notifier, PYTHON, rejection, spawned, startElsewhere } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'

const sleep = ['sleep', ['1000']]
const pick = (from, ...names) => Object.fromEntries(names.map((name) => [name, from[name]]))

// ── Failures ──

for (const [what, file, options, expected] of [
  ['no such program', '/no such program', {}, { code: 'ENOENT', syscall: 'execve', path: '/no such program' }],
  ['no program found', 'no-such-program', {}, { code: 'ENOENT', syscall: 'execve', path: 'no-such-program' }],
  ['chdir', 'sleep', { cwd: '/no such' }, { code: 'ENOENT', syscall: 'chdir', path: '/no such' }],
  [
    'opening a log',
    'sleep',
    { stdio: ['ignore', 'ignore', 'ignore', '/no such/log'] },
    { code: 'ENOENT', syscall: 'open', path: '/no such/log' },
  ],
  [
    'a closed descriptor',
    'sleep',
    { stdio: ['ignore', 'ignore', 'ignore', 999] },
    { code: 'EBADF', syscall: 'fcntl', path: undefined },
  ],
]) {
  for (const ready of ['exec', 'notify']) {
    test(`spawnDaemon(): rejects and leaves nothing, ready: '${ready}', ${what}`, {
      contract: 'D23',
    }, async (t) => {
      const directory = temporary(t)
      const [stdout, pidFile] = ['log', 'pid'].map((name) => path.join(directory, name))
      const stdio = ['ignore', stdout, ...(options.stdio?.slice(2) ?? [])]
      const before = children()
      const error = await rejection(spawnDaemon(file, ['1000'], { ...options, stdio, pidFile, ready }))
      assert.deepEqual(pick(error, 'code', 'syscall', 'path'), expected)
      assert.ok(error.errno < 0)
      assert.deepEqual(fs.readdirSync(directory), [])
      assert.deepEqual(children(), before)
    })
  }
}

test('spawnDaemon(): leaves a subreaper caller no zombie, failed exec', { contract: 'D23' }, async () => {
  const script = `
    const { setChildSubreaper, spawnDaemon } = require(${JSON.stringify(path.resolve(import.meta.dirname, '../../index.js'))})
    setChildSubreaper(true)
    const starts = Array.from({ length: 50 }, () => spawnDaemon('/no such program'))
    Promise.allSettled(starts).then((all) => {
      const { readFileSync } = require('node:fs')
      const rejected = all.filter(({ status }) => status === 'rejected').length
      console.log(rejected, readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim() === '')
    })`
  const { stdout, stderr } = await run(process.execPath, ['-e', script]).ended
  assert.equal(stdout, '50 true\n', stderr)
})

test('spawnDaemon(): leaves init or a subreaper no zombie, failed exec', { contract: 'D23' }, async () => {
  // The subreaper reaps only its own child, so that inherited zombies stay visible.
  const library = JSON.stringify(path.resolve(import.meta.dirname, '../../index.js'))
  const caller = `
    const { spawnDaemon } = require(${library})
    const starts = Array.from({ length: 50 }, () => spawnDaemon('/no such program'))
    Promise.allSettled(starts).then((all) => console.log(all.filter(({ status }) => status === 'rejected').length))`
  const script = `
    require(${library}).setChildSubreaper(true)
    const child = require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(caller)}])
    const children = require('node:fs').readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8')
    console.log(String(child.stdout).trim(), JSON.stringify(children))`
  const { stdout, stderr } = await run(process.execPath, ['-e', script]).ended
  assert.equal(stdout, '50 ""\n', stderr)
})

test('spawnDaemon(): many starts leave no zombie, no descriptor, and exit codes', {
  contract: 'D23',
}, async (t) => {
  const before = { children: children(), open: Object.keys(descriptors()).length }
  const codes = []
  let failures = 0
  const pids = []
  t.after(() => Promise.all(pids.map((pid) => end(pid))))
  for (let round = 0; round < 20; round++) {
    const child = once(spawn('sh', ['-c', `exit ${round}`], { stdio: 'ignore' }), 'exit')
    const starts = Array.from({ length: 50 }, (_, index) =>
      index % 10 === 0 ? rejection(spawnDaemon('/no such program')) : spawnDaemon('sleep', ['0']),
    )
    const results = await Promise.all(starts)
    failures += results.filter(({ code }) => code === 'ENOENT').length
    pids.push(...results.map(({ pid }) => pid).filter(Boolean))
    codes.push((await child)[0])
  }
  assert.equal(failures, 100)
  assert.equal(new Set(pids).size >= 900 - 5, true)
  assert.deepEqual(
    codes,
    Array.from({ length: 20 }, (_, round) => round),
  )
  assert.deepEqual(children(), before.children)
  assert.equal(Object.keys(descriptors()).length, before.open)
})

// ── Readiness ──

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

test('spawnDaemon(): ignores READY=1 of others, kills the group past readyTimeout', {
  contract: 'D23',
}, async (t) => {
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

test('spawnDaemon(): closes received descriptors, which answers BARRIER=1', {
  contract: 'D23',
}, async (t) => {
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

test("spawnDaemon(): passes NOTIFY_SOCKET on, ready: 'exec'", {
  contract: 'D23',
}, async (t) => {
  const env = { ...process.env, NOTIFY_SOCKET: '/a/manager' }
  const { NOTIFY_SOCKET, PROCNATIVE_NOTIFY_SOCKET } = await environmentOf(await spawned(t, ...sleep, { env }))
  assert.deepEqual([NOTIFY_SOCKET, PROCNATIVE_NOTIFY_SOCKET], ['/a/manager', undefined])
})

// ── The caller's event loop and threads ──

test('spawnDaemon(): works in a worker thread', { contract: 'D23' }, async (t) => {
  const worker = new Worker(new URL('./fixtures/start-worker.mjs', import.meta.url), {
    workerData: [PYTHON, [fixture('notify-in-steps.py'), 'send:READY=1'], { ready: 'notify' }],
  })
  const said = []
  worker.on('message', (message) => said.push(message))
  const [code] = await once(worker, 'exit')
  assert.equal(code, 0)
  const { pid } = said[1]
  t.after(() => end(pid))
  assert.equal(isAlive(pid), true)
  assert.notEqual(stat(pid).ppid, process.pid)
})

/** Ends the daemons of fixtures/abandon-starts.mjs. */
const endAbandoned = () => Promise.all(startedWith('ABANDONED', process.env.PROCNATIVE_TEST).map((pid) => end(pid)))

// Only in Node.js: other runtimes start their own threads, so that a test cannot count threads.
test('spawnDaemon(): worker.terminate() is safe, start pending', {
  contract: 'D23',
  ...needs('Node.js', isNode),
}, async (t) => {
  t.after(endAbandoned)
  const { code, signal, stdout, stderr } = await runScript(fixture('daemon/abandon-starts.mjs'), [
    'terminate',
    repetitions(50),
  ])
  assert.deepEqual(
    { code, signal, reports: reports(stdout) },
    { code: 0, signal: null, reports: [{ threads: 0 }] },
    stderr,
  )
})

test('spawnDaemon(): process.exit() is safe, starts pending', { contract: 'D23' }, async (t) => {
  t.after(endAbandoned)
  const [rounds, processes, starts] = [repetitions(10), 5, 3]
  for (let round = 0; round < rounds; round++) {
    const exits = Array.from({ length: processes }, () =>
      runScript(fixture('daemon/abandon-starts.mjs'), ['exit', starts]),
    )
    for (const { code, signal, stderr } of await Promise.all(exits))
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr)
  }
  // All daemons were started and outlive their caller. Their environment is readable a moment after the start.
  const count = rounds * processes * starts
  await until(() => startedWith('ABANDONED', process.env.PROCNATIVE_TEST).length === count, `${count} daemons`)
})

test('spawnDaemon(): keeps the caller alive only while it is pending', { contract: 'D23' }, async (t) => {
  const [{ pid, code }] = await startElsewhere(t, [
    [PYTHON, [fixture('notify-in-steps.py'), 'send:READY=1'], { ready: 'notify' }],
  ])
  assert.equal(code, undefined)
  assert.equal(isAlive(pid), true)
})

// ── Pid files ──

test('spawnDaemon(): pidFile is locked and written when it resolves', {
  contract: 'D23',
}, async (t) => {
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
  test(`spawnDaemon(): one of 50 starts in one process wins, ready: '${ready}'`, {
    contract: 'D23',
  }, async (t) => {
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
