// examples/daemon-log: a daemon that works in /usr and writes two logs periodically.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { example } from '../helpers/example.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { descriptors, isAlive, stat } from '../helpers/proc.mjs'
import { fixture } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const NAMES = ['stdout.log', 'stderr.log']

/** Runs a command of the example in a directory. */
async function command(t, name, directory, { prefix, DIRECTORY = '.' } = {}) {
  const env = { ...process.env, DIRECTORY }
  const { child, ended } = example(t, 'daemon-log', [name], { cwd: directory, env, prefix })
  child.stdin.end()
  return ended()
}

/** Starts the daemon on a terminal that hangs up when the launcher ends. The test kills the daemon when it is over. */
async function start(t) {
  const directory = fs.realpathSync(temporary(t))
  const { code, stderr } = await command(t, 'start', directory, { prefix: ['python3', fixture('hang-up-after.py')] })
  assert.equal(code, 0, stderr)
  const { pid } = daemonStatus(path.join(directory, 'pid'))
  t.after(() => end(pid))
  return { directory, pid, logs: NAMES.map((log) => path.join(directory, log)) }
}

const lines = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').slice(0, -1) : [])

/** Patterns of the lines that the daemon repeats, one for each log. */
const says = (pid) => [new RegExp(`^\\S+ daemon pid: ${pid}, ppid: \\d+$`), /^\S+ it works in \/usr$/]

test('examples/daemon-log: outlives its terminal, works in /usr, writes two logs', async (t) => {
  const { directory, pid, logs } = await start(t)
  assert.equal(fs.readlinkSync(`/proc/${pid}/cwd`), '/usr')
  const { tty, session } = stat(pid)
  assert.equal(tty, 0)
  assert.equal(stat(session), null)

  // The logs are in the directory of the launcher, not in /usr, the directory of the daemon.
  const open = descriptors(pid)
  assert.deepEqual([open[0], open[1], open[2]], ['/dev/null', ...logs])
  for (const [at, log] of logs.entries()) {
    await until(() => lines(log).length >= 2, `two lines in ${log}`)
    for (const line of lines(log)) assert.match(line, says(pid)[at])
  }
  assert.ok(isAlive(pid))

  const { code, stdout } = await command(t, 'status', directory)
  assert.equal(code, 0)
  assert.match(stdout, new RegExp(`^pid +${pid}$`, 'm'))
  assert.match(stdout, /^cwd +\/usr$/m)
  assert.match(stdout, /^terminal +none$/m)
  assert.match(stdout, new RegExp(`^logs +${logs.join(', ')}$`, 'm'))
})

test('examples/daemon-log: SIGHUP opens new logs, stop removes the pid file', async (t) => {
  const { directory, pid, logs } = await start(t)
  for (const log of logs) fs.renameSync(log, `${log}.1`)
  process.kill(pid, 'SIGHUP')
  for (const [at, log] of logs.entries()) {
    await until(() => lines(log).length >= 1, `a line in the new ${log}`)
    for (const line of [...lines(`${log}.1`), ...lines(log)]) assert.match(line, says(pid)[at])
    assert.ok(lines(`${log}.1`).length >= 1)
  }
  const open = descriptors(pid)
  assert.deepEqual([open[1], open[2]], logs)

  const stopped = await command(t, 'stop', directory)
  assert.equal(stopped.code, 0, stopped.stderr)
  assert.equal(stopped.stdout, `stopped ${pid}\n`)
  assert.ok(!isAlive(pid))
  assert.deepEqual(fs.readdirSync(directory).sort(), [...NAMES, ...NAMES.map((name) => `${name}.1`)].sort())
  for (const name of ['status', 'stop']) {
    const { code, stderr } = await command(t, name, directory)
    assert.equal(code, 1)
    assert.equal(stderr, 'not running\n')
  }
})

test('examples/daemon-log: start fails and leaves nothing, no log directory', async (t) => {
  const directory = temporary(t)
  const { code, stdout, stderr } = await command(t, 'start', directory, { DIRECTORY: 'missing' })
  assert.equal(code, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /^ENOENT: no such file or directory, open '.*\/missing\/pid'\n$/)
  assert.deepEqual(fs.readdirSync(directory), [])
})
