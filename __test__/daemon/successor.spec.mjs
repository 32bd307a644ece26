// A daemon that starts its successor, with the pid file that the daemon holds.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus, spawnDaemon, stopDaemon } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { release } from '../helpers/fifo.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { isAlive } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { reports, reportsSoFar } from '../helpers/report.mjs'
import { fixture, root, run } from '../helpers/run.mjs'
import { PYTHON } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'

const content = (file) => fs.readFileSync(file, 'utf8')

/** Ways to start a daemon that hands over. */
const WAYS = {
  'daemonize()': (settings) => run(process.execPath, command({ ...settings, launched: true })),
  'the foreground': (settings) => run(process.execPath, command(settings)),
  'spawnDaemon()': (settings) => ({
    ended: spawnDaemon(process.execPath, command(settings), { pidFile: settings.pidFile, ready: 'notify' }),
  }),
}
const command = (settings) => [fixture('daemon/hand-over-pid-file.mjs'), JSON.stringify(settings)]

/** Starts a row of daemons, each the successor of the one before. `began(count)` waits until `count` daemons have begun. */
function row(context, settings, way = 'the foreground') {
  const directory = temporary(context)
  const [pidFile, log] = ['pid', 'log'].map((name) => path.join(directory, name))
  fs.writeFileSync(log, '')
  const said = () => reportsSoFar(content(log))
  const { ended } = WAYS[way]({ pidFile, log, ...settings })
  context.after(async () => {
    // In order: each daemon may have started another one.
    for (const { pid } of said()) await end(pid)
    await ended
  })
  const began = (count) =>
    until(() => {
      const all = said().filter(({ began }) => began)
      return all.length >= count && all.map(({ pid }) => pid)
    }, `${count} daemons have begun`)
  return { pidFile, log, said, began, ended }
}

for (const way of Object.keys(WAYS)) {
  test(`spawnDaemon(): the pid file goes through five successors, held by ${way}`, { contract: 'D25' }, async (t) => {
    const { pidFile, began, said } = row(t, { remaining: 5 }, way)
    const pids = await began(6)
    assert.equal(new Set(pids).size, 6)
    // The last daemon may begin before its predecessor reports it.
    const handed = await until(() => {
      const all = said().filter(({ successor }) => successor)
      return all.length === 5 && all
    })
    // The file named the successor when spawnDaemon() resolved.
    assert.deepEqual(
      handed.map(({ successor, content }) => ({ successor, content })),
      pids.slice(1).map((pid) => ({ successor: pid, content: `${pid}\n` })),
    )
    await until(() => pids.slice(0, -1).every((pid) => !isAlive(pid)), 'the predecessors have ended')
    // They ended by process.exit(), which removes only an own file.
    assert.equal(content(pidFile), `${pids[5]}\n`)
    assert.deepEqual(daemonStatus(pidFile), { running: true, pid: pids[5] })
    assert.deepEqual(await stopDaemon(pidFile), { pid: pids[5], killed: false })
    assert.equal(fs.existsSync(pidFile), false)
  })
}

/** Starts a process that watches a file. The returned function ends it and returns its report. */
async function watcher(context, program, ...args) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  context.after(() => end(child.pid))
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  await until(() => text.includes('begun'))
  return async () => {
    const closed = once(child, 'close')
    child.stdin.end()
    await closed
    return JSON.parse(text.split('\n')[1])
  }
}

test('spawnDaemon(): hand-overs never leave the file unlocked, empty or wrong', { contract: 'D25' }, async (t) => {
  const remaining = repetitions(50)
  const { pidFile, began } = row(t, { remaining, waits: true })
  const [first] = await began(1)
  const locks = await watcher(t, PYTHON, fixture('daemon/watch-pid-file.py'), pidFile)
  const status = await watcher(t, process.execPath, fixture('daemon/watch-status.mjs'), pidFile)
  process.kill(first, 'SIGUSR2')
  let pids
  // Each hand-over has its own time limit: a busy machine needs longer for all.
  for (let count = 2; count <= remaining + 1; count++) pids = await began(count)
  const { looks, changes } = await locks()
  assert.ok(looks > 1000)
  // The whole file was always locked, and its content went through the row in order.
  for (const [locked, start, length] of changes) assert.deepEqual([locked, start, length >= 2 ** 61], [true, 0, true])
  const named = changes.map(([, , , text]) => text)
  for (const text of named) assert.match(text, /^\d+\n+$/)
  assertInOrder(named.map(Number), pids)
  const seen = await status()
  for (const { running } of seen) assert.equal(running, true)
  assertInOrder(
    seen.map(({ pid }) => pid),
    pids,
  )
})

/** Checks that the seen pids go through the row in order. A pid between two looks may be missing. */
function assertInOrder(seen, pids) {
  const places = seen.map((pid) => pids.indexOf(pid))
  assert.equal(places.includes(-1), false, `${seen} are all among ${pids}`)
  assert.deepEqual(
    places,
    places.toSorted((one, other) => one - other),
  )
  assert.equal(places.at(-1), pids.length - 1)
}

test('spawnDaemon(): the pid file stays the same before READY=1', { contract: 'D25' }, async (t) => {
  const directory = temporary(t)
  const [fifo, told] = ['fifo', 'told'].map((name) => path.join(directory, name))
  await run('mkfifo', [fifo]).ended
  const steps = ['child:READY=1', 'send:STATUS=soon', `opens:${fifo}`, 'exit:3']
  const notifies = [fixture('notify-in-steps.py'), ...steps]
  const options = { ready: 'notify', stdio: ['ignore', told] }
  const { pidFile, began, said } = row(t, { failing: [[PYTHON, notifies, options]] })
  const [pid] = await began(1)
  await until(() => fs.existsSync(told) && content(told).endsWith('\n'))
  assert.equal(content(pidFile), `${pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  await release(fifo)
  await until(() => said().some(({ failed }) => failed))
})

test('spawnDaemon(): a failed start changes nothing, the next one succeeds', { contract: 'D25' }, async (t) => {
  const steps = (...list) => [PYTHON, [fixture('notify-in-steps.py'), ...list]]
  const failing = [
    ['/no such program', [], {}],
    ['/no such program', [], { ready: 'notify' }],
    ['sleep', ['1000'], { cwd: '/no such directory' }],
    ['sleep', ['1000'], { stdio: ['ignore', '/no such directory/log'] }],
    [...steps('exit:3'), { ready: 'notify' }],
    [...steps('die'), { ready: 'notify' }],
    [...steps('group'), { ready: 'notify', readyTimeout: 200 }],
  ]
  const { pidFile, began, said } = row(t, { failing, remaining: 1 })
  const pids = await began(2)
  const failures = said().filter(({ failed }) => failed !== undefined)
  assert.deepEqual(
    failures.map(({ failed }) => failed),
    [...Array(4).fill('ENOENT'), ...Array(2).fill('ERR_PROCNATIVE_DAEMON_EXITED'), 'ERR_PROCNATIVE_DAEMON_TIMEOUT'],
  )
  for (const { before, content, status } of failures) {
    assert.equal(before, `${pids[0]}\n`)
    assert.equal(content, before)
    assert.deepEqual(status, { running: true, pid: pids[0] })
  }
  await until(() => !isAlive(pids[0]), 'the predecessor has ended')
  assert.equal(content(pidFile), `${pids[1]}\n`)
})

for (const [what, before] of [
  ['longer', '4194304000\n'],
  ['much longer', `4194304${' of yesterday'.repeat(10)}\n`],
  ['shorter', '1\n'],
  ['empty', ''],
]) {
  test(`spawnDaemon(): writes exactly the successor’s pid, ${what} content before`, { contract: 'D25' }, async (t) => {
    const { pidFile, began, ended } = row(t, { remaining: 1, waits: true })
    const [first] = await began(1)
    fs.writeFileSync(pidFile, before)
    process.kill(first, 'SIGUSR2')
    const [, second] = await began(2)
    await ended
    assert.equal(content(pidFile), `${second}\n`)
  })
}

test("spawnDaemon(): the successor has the pid file at once, ready: 'exec'", { contract: 'D25' }, async (t) => {
  const { pidFile, began, said } = row(t, { failing: [['sleep', ['1000'], {}]] })
  await began(1)
  const [{ failed, content: text, status }] = await until(() => {
    const failures = said().filter(({ failed }) => failed !== undefined)
    return failures.length > 0 && failures
  })
  t.after(() => end(status.pid))
  assert.equal(failed, null)
  assert.equal(text, `${status.pid}\n`)
  assert.equal(content(pidFile), text)
  const [old] = await began(1)
  assert.notEqual(status.pid, old)
  // The lock of the successor outlives the predecessor.
  await end(old, 'SIGTERM')
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: status.pid })
})

test('daemonize(): a successor keeps the pid file, and can try again', async (t) => {
  const script = `
    const { daemonize } = require(${JSON.stringify(root)})
    const options = { foreground: true, pidFile: process.argv[1] }
    try {
      daemonize({ ...options, cwd: '/no such directory' })
    } catch {
      daemonize(options)
      setInterval(() => {}, 2 ** 30)
    }`
  const next = [process.execPath, ['-e', script, '@pidFile'], { ready: 'notify' }]
  const { said } = row(t, { failing: [next] })
  const { failed, content, status } = await until(() => said().find(({ failed }) => failed !== undefined))
  t.after(() => end(status.pid))
  assert.equal(failed, null)
  assert.equal(content, `${status.pid}\n`)
})

test('stopDaemon(): also ends a successor that is starting', async (t) => {
  const { pidFile, began } = row(t, {
    failing: [
      [
        process.execPath,
        [fixture('daemon/successor.cjs'), '@pidFile', 'stay when orphaned', '@pid'],
        { ready: 'notify' },
      ],
    ],
  })
  const [old] = await began(1)
  await until(() => fs.existsSync(`${pidFile}.begun`), 'the successor has begun')
  const successor = Number(content(`${pidFile}.begun`))
  assert.deepEqual(await stopDaemon(pidFile), { pid: old, killed: false })
  assert.equal(isAlive(successor), false)
  assert.deepEqual(daemonStatus(pidFile), { running: false, pid: null })
})

for (const launchesNext of [false, true]) {
  const whom = launchesNext ? 'a launched successor' : 'the successor'
  test(`spawnDaemon(): the old daemon introduces ${whom} to the manager`, async (t) => {
    const directory = temporary(t)
    const [pidFile, log] = ['pid', 'log'].map((name) => path.join(directory, name))
    const service = [process.execPath, ...command({ pidFile, log, remaining: 1, launchesNext })]
    const { stdout, stderr, code } = await run(PYTHON, [fixture('service-manager.py'), ...service]).ended
    assert.equal(code, 0, stderr)
    const { successor } = reports(content(log)).find((one) => one.successor)
    t.after(() => end(successor))
    const { launcher, exit, messages } = JSON.parse(stdout)
    assert.equal(exit, 0)
    assert.deepEqual(
      messages.map(({ text, sender, descriptors }) => ({ text, sender, descriptors })),
      [
        { text: 'READY=1', sender: launcher, descriptors: 0 },
        { text: 'STATUS=ready', sender: launcher, descriptors: 0 },
        // systemd keeps the watchdog interval of the previous main process.
        { text: `MAINPID=${successor}\nWATCHDOG=1`, sender: launcher, descriptors: 0 },
        { text: 'BARRIER=1', sender: launcher, descriptors: 1 },
        // systemd ignores an earlier one.
        { text: 'STATUS=ready', sender: successor, descriptors: 0 },
      ],
    )
    // BARRIER=1 proves that the manager has read these. The manager may read the last message later.
    assert.ok(messages.filter(({ sender }) => sender === launcher).every(({ launcherAlive }) => launcherAlive))
    assert.ok(messages.every(({ mainIsChild }) => mainIsChild !== false))
  })
}

test('daemonize(): the pid file names a successor that reports to the manager', async (t) => {
  const directory = temporary(t)
  const [pidFile, log] = ['pid', 'log'].map((name) => path.join(directory, name))
  const next = [process.execPath, command({ pidFile, log, launched: true }), { ready: 'exec' }]
  const service = [process.execPath, ...command({ pidFile, log, failing: [next] })]
  fs.writeFileSync(log, '')
  const { ended } = run(PYTHON, [fixture('service-manager.py'), ...service])
  const began = () => reports(content(log)).filter(({ began }) => began)
  t.after(async () => {
    for (const { pid } of began()) await end(pid)
  })
  // A daemon reports its begin when the pid file names it.
  const [old, successor] = await until(() => began().length === 2 && began().map(({ pid }) => pid), 'both have begun')
  await end(old, 'SIGTERM')
  assert.equal((await ended).code, 0)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: successor })
})
