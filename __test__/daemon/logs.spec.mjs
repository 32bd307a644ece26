// The logs of a daemon: owner, group and mode, and a failed start.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { spawnDaemon } from '../../index.js'
import { end, failure, launch } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { start } from '../helpers/pid-file.mjs'
import { status } from '../helpers/proc.mjs'
import { fixture, run } from '../helpers/run.mjs'

const root = needs('root', isRoot)
const strace = needs('root and strace', isRoot && hasProgram('strace'))
const setpriv = needs('root and setpriv', isRoot && hasProgram('setpriv'))

const credentials = (file) => [fs.statSync(file).uid, fs.statSync(file).gid]

test('daemonize(): gives new logs to the user, and no others', root, async (t) => {
  const [stdout, stderr] = ['out', 'err'].map((name) => path.join(temporary(t), name))
  fs.writeFileSync(stderr, '', { mode: 0o600 })
  await start(t, { stdout, stderr, user: 'nobody' }, { script: 'daemon/report-reopening.cjs' })
  const group = Number(status('self', 'Gid').split('\t')[0])
  assert.deepEqual([stdout, stderr].map(credentials), [
    [65534, 65534],
    [0, group],
  ])
})

test('daemonize(): a new log keeps the group of its directory, set-group-ID', root, async (t) => {
  const directory = temporary(t)
  fs.chownSync(directory, 0, 12)
  fs.chmodSync(directory, 0o2777)
  const stdout = path.join(directory, 'out')
  await start(t, { stdout, user: 'nobody' }, { script: 'daemon/report-reopening.cjs' })
  assert.deepEqual(credentials(stdout), [65534, 12])
})

test('daemonize(): keeps its new logs, may not change their owner', setpriv, async (t) => {
  const stdout = path.join(temporary(t), 'out')
  const prefix = ['setpriv', '--bounding-set=-chown', '--inh-caps=-chown']
  await start(t, { stdout, user: 'nobody' }, { script: 'daemon/reopen-on-sighup.cjs', prefix })
  assert.equal(fs.statSync(stdout).uid, 0)
})

test('spawnDaemon(): gives new logs to the user', root, async (t) => {
  const log = path.join(temporary(t), 'log')
  const { pid } = await spawnDaemon('sleep', ['1000'], { user: 'nobody', stdio: ['ignore', log, log] })
  t.after(() => end(pid))
  assert.deepEqual(credentials(log), [65534, 65534])
})

for (const [whose, uid, syscall] of [
  ['the log of its user', 65534, 'chdir'],
  ['no log of another user', 1, 'open'],
]) {
  test(`daemonize(): opens ${whose}, O_CREAT refused`, strace, async (t) => {
    const directory = temporary(t)
    const stdout = path.join(directory, 'out')
    fs.writeFileSync(stdout, '')
    fs.chownSync(stdout, uid, 0)
    // As fs.protected_regular does in a sticky directory: the first call has O_EXCL, the second one O_CREAT only.
    const refusal = ['-P', stdout, '-e', 'inject=openat:error=EACCES:when=2']
    const options = JSON.stringify({ stdout, user: 'nobody', cwd: '/no such directory' })
    const program = [process.execPath, fixture('report-refusal.cjs'), options]
    const traced = ['-f', '-qq', '-o', path.join(directory, 'trace'), ...refusal]
    const { stdout: text, stderr } = await run('strace', [...traced, ...program]).ended
    assert.equal(JSON.parse(text).syscall, syscall, stderr)
  })
}

test('daemonize(): leaves no new log and keeps an old one, failed start', { contract: 'D10' }, async (t) => {
  const directory = temporary(t)
  const [fresh, old] = ['new', 'old'].map((name) => path.join(directory, name))
  fs.writeFileSync(old, 'kept')
  await failure(t, { stdout: fresh, stderr: old, cwd: '/no such directory' }, 'stay')
  assert.equal(fs.existsSync(fresh), false)
  assert.equal(fs.readFileSync(old, 'utf8'), 'kept')
})

test('daemonize(): creates a log by the daemon’s umask', { contract: 'D10' }, async (t) => {
  const umask = ['-c', 'umask 077 && exec "$0" "$@"', process.execPath]
  const { log } = await launch(t, { umask: 0o027 }, { node: 'bash', execArgv: umask })
  assert.equal(fs.statSync(log).mode & 0o777, 0o640)
})
