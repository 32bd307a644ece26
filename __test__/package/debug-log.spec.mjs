// NODE_DEBUG=procnative, and the events of node:diagnostics_channel.

import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { channel, daemonStatus, fork, socketpair, spawn, spawnDaemon, wait, waitpid } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { newPidFile } from '../helpers/pid-file.mjs'
import { fixture, root, runScript } from '../helpers/run.mjs'

/** Runs a program, and returns its standard error without the pids of the writers. */
async function linesOf(script, args = [], env = { ...process.env, NODE_DEBUG: 'procnative' }) {
  const { stderr, code } = await runScript(
    '-e',
    [`const procnative = require(${JSON.stringify(root)})\n${script}`, ...args],
    {
      env,
    },
  )
  assert.equal(code, 0, stderr)
  return stderr
    .replaceAll(/^PROCNATIVE \d+: /gm, '')
    .replaceAll(/\b\d+\b/g, '0')
    .split('\n')
    .slice(0, -1)
}

/** Collects the events of a name during a test. */
function eventsOf(t, name) {
  const events = []
  const listener = (event) => events.push(event)
  diagnostics.subscribe(`procnative:${name}`, listener)
  t.after(() => diagnostics.unsubscribe(`procnative:${name}`, listener))
  return events
}

const CHILD = "procnative.spawn('sh', ['-c', 'exit 3'], { stdio: 'ignore' }).wait()"

test('NODE_DEBUG: prints spawns, turns and ends', async () => {
  assert.deepEqual(await linesOf(CHILD), [
    "spawn: process 0 runs 'sh'",
    'turn: 0 processes ended, 0 sockets are ready',
    'exit: process 0 exited with code 0',
  ])
})

test('NODE_DEBUG: prints nothing, absent or for another module', async () => {
  const { NODE_DEBUG: _, ...env } = process.env
  assert.deepEqual(await linesOf(CHILD, [], env), [])
  assert.deepEqual(await linesOf(CHILD, [], { ...env, NODE_DEBUG: 'other' }), [])
})

test('NODE_DEBUG: prints the owner of a pid file', async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await spawnDaemon('sleep', ['1000'], { pidFile })
  t.after(() => end(pid))
  const script = `
    try {
      procnative.daemonize({ foreground: true, pidFile: process.argv[1] })
    } catch (error) {
      if (error.code !== 'ERR_PROCNATIVE_ALREADY_RUNNING') throw error
    }
    procnative.daemonStatus(process.argv[1])`
  assert.deepEqual(
    await linesOf(script, [pidFile]),
    [
      `daemonize(): this process stays in the foreground, pid file '${pidFile}'`,
      `pid file '${pidFile}': locked by 0, not ours`,
      `pid file '${pidFile}': locked by 0`,
    ].map((line) => line.replaceAll(/\b\d+\b/g, '0')),
  )
})

test('NODE_DEBUG: a launcher and its daemon name themselves', async (t) => {
  const directory = temporary(t)
  const [pidFile, log, script] = ['pid', 'log', 'daemon.cjs'].map((name) => path.join(directory, name))
  const options = JSON.stringify({ pidFile, stdout: log, stderr: log })
  fs.writeFileSync(script, `require(${JSON.stringify(root)}).daemonize(${options})\nsetInterval(() => {}, 1000)`)
  const { stderr } = await runScript(script, [], { env: { ...process.env, NODE_DEBUG: 'procnative' } })
  const { pid } = daemonStatus(pidFile)
  t.after(() => end(pid))
  assert.match(stderr, /^PROCNATIVE \d+: daemonize\(\): this process is the launcher/)
  assert.match(stderr, new RegExp(`daemonize\\(\\): daemon ${pid} is ready, its launcher ends\n$`))
  assert.match(
    fs.readFileSync(log, 'utf8'),
    new RegExp(`^PROCNATIVE ${pid}: daemonize\\(\\): this process is the daemon`),
  )
})

test('procnative:spawn, procnative:exit: report each new process and its end', async (t) => {
  const [spawns, exits] = [eventsOf(t, 'spawn'), eventsOf(t, 'exit')]
  const child = spawn('sh', ['-c', 'exit 3'], { stdio: 'ignore' })
  const status = await child.wait()
  assert.deepEqual(spawns, [{ pid: child.pid, file: 'sh', args: ['-c', 'exit 3'] }])
  assert.deepEqual(exits, [status])
})

test('procnative:spawn: reports a child of fork()', async (t) => {
  const spawns = eventsOf(t, 'spawn')
  const script = fixture('package/load-package.cjs')
  const child = fork(script, [root], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  await once(child, 'close')
  assert.deepEqual(spawns, [{ pid: child.pid, file: script, args: [root] }])
})

test('procnative:spawn: reports a daemon of spawnDaemon()', async (t) => {
  const spawns = eventsOf(t, 'spawn')
  const { pid } = await spawnDaemon('sleep', ['1000'])
  t.after(() => end(pid))
  assert.deepEqual(spawns, [{ pid, file: 'sleep', args: ['1000'] }])
})

test('procnative:exit: reports an end that waitpid() returns', (t) => {
  const exits = eventsOf(t, 'exit')
  const child = spawn('true', [], { stdio: 'ignore' })
  const status = waitpid(child.pid, { force: true })
  child.close()
  assert.deepEqual(exits, [status])
})

test('procnative:exit: reports an end that wait() observes', async (t) => {
  const exits = eventsOf(t, 'exit')
  const { pid } = await spawnDaemon('sleep', ['1000'])
  const observed = wait(pid, { observe: true })
  await end(pid)
  assert.deepEqual(exits, [await observed])
})

// A subscriber may call procnative. The counts of pending waits must be right by then, or the process ends too soon.
for (const [what, subscriber] of [
  ['aborts the wait', 'controller.abort()'],
  ['calls unref()', 'short.unref()'],
]) {
  test(`procnative:exit: another wait goes on, a subscriber ${what}`, async () => {
    const script = `
      const procnative = require(process.argv[1])
      const controller = new AbortController()
      const short = procnative.spawn('true', [], { stdio: 'ignore' })
      require('node:diagnostics_channel').subscribe('procnative:exit', () => ${subscriber})
      const long = procnative.spawn('cat', [], { stdio: ['pipe', 'ignore', 'ignore'] })
      long.wait().then(({ exitCode }) => console.log('long', exitCode))
      long.stdio[0].unref()
      short.wait({ signal: controller.signal }).then(({ exitCode }) => {
        console.log('short', exitCode)
        setImmediate(() => long.stdio[0].end())
      })`
    const { stdout, stderr, code } = await runScript('-e', [script, root])
    assert.deepEqual({ stdout, stderr, code }, { stdout: 'short 0\nlong 0\n', stderr: '', code: 0 })
  })
}

test('procnative:exit: a listener gets its orphan, a subscriber calls stop()', async () => {
  // `true` never waits for the subshell, so the subshell becomes an orphan.
  const script = `
    const procnative = require(process.argv[1])
    procnative.setChildSubreaper(true)
    const alive = setInterval(() => {}, 1000)
    const reaping = procnative.reapOrphans(({ exitCode }) => console.log('orphan', exitCode))
    require('node:diagnostics_channel').subscribe('procnative:exit', () => {
      reaping.stop()
      setImmediate(() => clearInterval(alive))
    })
    require('node:child_process').spawn('sh', ['-c', '(exit 7) & exec true'])`
  const { stdout, stderr, code } = await runScript('-e', [script, root])
  assert.deepEqual({ stdout, stderr, code }, { stdout: 'orphan 7\n', stderr: '', code: 0 })
})

test('NODE_DEBUG: prints messages and phases of channels, no content', async () => {
  const script = `
    const [one, other] = procnative.socketpair().map((socket) => procnative.channel(socket))
    other.on('message', () => other.close())
    one.on('message', () => {})
    one.send('secret')`
  const lines = (await linesOf(script)).filter((line) => line.startsWith('channel'))
  assert.deepEqual(lines, [
    'channel 0: open on descriptor 0',
    'channel 0: open on descriptor 0',
    'channel 0: sends a message with 0 handles',
    'channel 0: received a message with 0 handles',
    'channel 0: closing',
    'channel 0: shut down',
    'channel 0: ended by the peer',
    'channel 0: closed by the peer or an error',
    'channel 0: closed',
  ])
})

for (const [how, take] of [
  ['a listener', async (end) => (await once(end, 'message'))[0]],
  ['a loop', async (end) => (await end[Symbol.asyncIterator]().next()).value.message],
]) {
  test(`procnative:send, procnative:receive: report each message, ${how}`, async (t) => {
    const [sends, receives] = [eventsOf(t, 'send'), eventsOf(t, 'receive')]
    const [one, other] = socketpair().map((socket) => channel(socket))
    for (const message of [1, 2, 3]) one.send(message, message === 3 ? [1] : undefined)
    for (const message of [1, 2, 3]) assert.equal(await take(other), message)
    const events = (from, list) =>
      list.map((event) => [event.channel === from, event.message, event.handles?.length ?? 0])
    const expected = [
      [true, 1, 0],
      [true, 2, 0],
      [true, 3, 1],
    ]
    assert.deepEqual([events(one, sends), events(other, receives)], [expected, expected])
    for (const { handles } of receives) for (const handle of handles) handle.close()
    one.destroy()
    other.destroy()
  })
}

test('procnative:send: a subscriber that closes the channel stops the message', async (t) => {
  const [one, other] = socketpair().map((socket) => channel(socket))
  const close = () => one.destroy()
  diagnostics.subscribe('procnative:send', close)
  t.after(() => diagnostics.unsubscribe('procnative:send', close))
  await assert.rejects(one.send('late'), { code: 'ERR_PROCNATIVE_CHANNEL_CLOSED' })
  other.destroy()
})
