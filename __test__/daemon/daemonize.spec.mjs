// The daemon of daemonize(): session, descriptors, signals and markers.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { getsid } from '../../index.js'
import { factsFrom, launch } from '../helpers/daemon.mjs'
import { foster } from '../helpers/foster.mjs'
import { isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { allPids, isAlive, stat } from '../helpers/proc.mjs'
import { fixture, run, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

// Descriptors that a Node.js process opens for itself: epoll sets, eventfds, and pipes between its threads.
const isRuntimes = (what) => /^(anon_inode:\[(eventpoll|eventfd|io_uring)\]|pipe:\[\d+\])$/.test(what)
const ownDescriptors = (facts) => Object.entries(facts.descriptors).filter(([, what]) => !isRuntimes(what))

test('daemonize(): the daemon leads no session, its session has no leader', { contract: 'D1' }, async (t) => {
  const { facts } = await launch(t)
  const { session, pgrp } = stat(facts.pid)
  assert.notEqual(session, facts.pid)
  assert.equal(pgrp, session)
  assert.equal(stat(session), null)
  assert.notEqual(session, getsid())
})

test('daemonize(): the parent is init or the nearest subreaper', { contract: 'D1' }, async (t) => {
  const launcher = await launch(t)
  assert.equal(stat(launcher.facts.pid).ppid, foster(t))
})

test('daemonize(): the daemon has no controlling terminal', { contract: 'D1' }, async (t) => {
  const { facts } = await launch(t)
  assert.equal(facts.terminal, null)
  assert.equal(stat(facts.pid).tty, 0)
})

test('daemonize(): works, caller leads its group', { contract: 'D1' }, async (t) => {
  const { facts } = await launch(t, {}, { detached: true })
  assert.equal(isAlive(facts.pid), true)
})

test('daemonize(): cwd is / and umask 022 by default', { contract: 'D2' }, async (t) => {
  const { facts } = await launch(t)
  assert.equal(facts.cwd, '/')
  assert.equal(facts.umask, 0o022)
})

test('daemonize(): takes cwd "/tmp" and umask 0', { contract: 'D5' }, async (t) => {
  const { facts } = await launch(t, { cwd: '/tmp', umask: 0 })
  assert.equal(facts.cwd, '/tmp')
  assert.equal(facts.umask, 0)
})

test('daemonize(): a relative cwd goes by the launcher’s directory', { contract: 'D2' }, async (t) => {
  const directory = temporary(t)
  fs.mkdirSync(path.join(directory, 'inner'))
  const { facts } = await launch(t, { cwd: 'inner' }, { cwd: directory })
  assert.equal(facts.cwd, fs.realpathSync(path.join(directory, 'inner')))
})

for (const count of [7, 200, 5000]) {
  test(`daemonize(): closes ${count} descriptors of the launcher`, { contract: 'D2' }, async (t) => {
    // Python opens the files and becomes Node.js, which inherits them.
    const log = path.join(temporary(t), 'log')
    const node = [process.execPath, fixture('daemon.cjs'), JSON.stringify({ stdout: log }), 'stay']
    const { code, stderr } = await run('python3', [fixture('open-many.py'), count, ...node]).ended
    assert.equal(code, 0, stderr)
    const { facts } = factsFrom(t, log)
    const open = ownDescriptors(facts)
    assert.deepEqual(open, [
      ['0', '/dev/null'],
      ['1', log],
      ['2', log],
      // The link to the launcher, until readiness.
      ['3', facts.descriptors[3]],
    ])
    assert.match(facts.descriptors[3], /^socket:/)
    await until(() => !fs.existsSync(`/proc/${facts.pid}/fd/3`), 'the link is closed')
  })
}

test('daemonize(): passes `keep` on, in order, as daemon.kept', { contract: 'D2' }, async (t) => {
  const directory = temporary(t)
  const { code, stderr } = await run(process.execPath, [fixture('daemon/keep-descriptors.cjs'), directory]).ended
  assert.equal(code, 0, stderr)
  const { facts, more } = factsFrom(t, path.join(directory, 'log'))
  const [first, server, last] = facts.daemon.kept
  assert.equal(facts.descriptors[first], path.join(directory, 'first'))
  assert.match(facts.descriptors[server], /^socket:/)
  assert.equal(facts.descriptors[last], path.join(directory, 'last'))
  // The server that the launcher listened with answers from the daemon.
  const { port } = JSON.parse(more[0])
  const socket = net.connect(port, '127.0.0.1')
  const chunks = await socket.setEncoding('utf8').toArray()
  assert.equal(chunks.join(''), `answered by ${facts.pid}`)
})

test('daemonize(): closes descriptors, RLIMIT_NOFILE of 2^30', {
  contract: 'D2',
  ...needs('root', isRoot),
}, async (t) => {
  const sysctl = '/proc/sys/fs/nr_open'
  const before = fs.readFileSync(sysctl, 'utf8')
  t.after(() => fs.writeFileSync(sysctl, before))
  fs.writeFileSync(sysctl, String(2 ** 30))
  const allowed = await run('bash', ['-c', `ulimit -Hn ${2 ** 30}`]).ended
  if (allowed.code !== 0) return t.skip('SKIPPED, NOT SHOWN HERE: needs the right to raise RLIMIT_NOFILE')
  const shell = ['-c', `ulimit -Hn ${2 ** 30} && ulimit -Sn ${2 ** 30} && exec "$0" "$@"`, process.execPath]
  const { facts, code, stderr } = await launch(t, { readyTimeout: 20_000 }, { node: 'bash', execArgv: shell })
  assert.equal(code, 0, stderr)
  assert.equal(ownDescriptors(facts).length, 4)
  assert.match(fs.readFileSync(`/proc/${facts.pid}/limits`, 'utf8'), /Max open files +1073741824 +1073741824/)
})

test('daemonize(): passes LISTEN_FDS on, LISTEN_PID and WATCHDOG_PID name the daemon', {
  contract: 'D2',
}, async (t) => {
  const log = path.join(temporary(t), 'log')
  // Python puts two sockets at 3 and 4, sets the variables for its own pid, and becomes Node.js.
  const node = [process.execPath, fixture('daemon.cjs'), JSON.stringify({ stdout: log, keep: [0] }), 'stay']
  const stdio = ['ignore', 'pipe', 'pipe']
  const { code, stdout, stderr } = await run('python3', [fixture('daemon/activate-sockets.py'), ...node], { stdio })
    .ended
  assert.equal(code, 0, stderr)
  const { facts } = factsFrom(t, log)
  assert.equal(facts.env.LISTEN_PID, String(facts.pid))
  assert.equal(facts.env.WATCHDOG_PID, String(facts.pid))
  assert.equal(facts.env.LISTEN_FDS, '2')
  // The same sockets in order, then the link, then the kept descriptor.
  const [first, second] = stdout.trim().split(' ')
  assert.deepEqual([facts.descriptors[3], facts.descriptors[4]], [`socket:[${first}]`, `socket:[${second}]`])
  assert.equal(facts.daemon.kept[0], 6)
  assert.equal(facts.descriptors[6], '/dev/null')
})

test('daemonize(): leaves LISTEN_PID of another process alone', { contract: 'D2' }, async (t) => {
  const { facts } = await launch(t, {}, { env: { ...process.env, LISTEN_PID: '1', LISTEN_FDS: '1' } })
  assert.equal(facts.env.LISTEN_PID, '1')
  assert.equal(ownDescriptors(facts).length, 4)
})

test('daemonize(): resets blocked and ignored signals', { contract: 'D3' }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const node = [process.execPath, fixture('daemon.cjs'), JSON.stringify({ stdout: log }), 'stay']
  const { code, stderr } = await run('python3', [fixture('block-signals.py'), ...node]).ended
  assert.equal(code, 0, stderr)
  const { facts } = factsFrom(t, log)
  assert.equal(facts.blocked, '0000000000000000')
  // Node.js itself ignores some signals.
  const plain = await runScript(fixture('daemon/describe-itself.cjs'))
  assert.equal(facts.ignored, JSON.parse(plain.stdout).ignored)
})

test('Daemon: has the pid and the sid of the process', { contract: 'D11' }, async (t) => {
  const { facts } = await launch(t)
  assert.equal(facts.daemon.pid, facts.pid)
  assert.equal(facts.daemon.sid, facts.sid)
  assert.equal(facts.daemon.foreground, false)
})

test('daemonize(): throws ERR_PROCNATIVE_INIT_PROCESS as PID 1', {
  contract: 'D14',
  ...needs('root', isRoot),
}, async () => {
  const { code, stderr } = await run('unshare', ['-pf', '--mount-proc', process.execPath, fixture('daemon.cjs'), '{}'])
    .ended
  assert.equal(code, 1)
  assert.match(stderr, /ERR_PROCNATIVE_INIT_PROCESS/)
  assert.match(stderr, /foreground: true/)
})

test('daemonize(): works as PID 1, foreground', { contract: 'D14', ...needs('root', isRoot) }, async () => {
  const { code, stdout, stderr } = await run('unshare', [
    '-pf',
    '--mount-proc',
    process.execPath,
    fixture('daemon.cjs'),
    '{"foreground":true}',
    'end',
  ]).ended
  assert.equal(code, 0, stderr)
  const facts = JSON.parse(stdout)
  assert.equal(facts.pid, 1)
  assert.equal(facts.daemon.foreground, true)
})

test('daemonize(): throws ERR_PROCNATIVE_ALREADY_DAEMONIZED, second call', { contract: 'D17' }, async (t) => {
  const { more } = await launch(t, {}, { behaviour: 'call again' })
  assert.equal(JSON.parse(more[0]).code, 'ERR_PROCNATIVE_ALREADY_DAEMONIZED')
})

test('daemonize(): a child of the daemon becomes another daemon', { contract: 'D17' }, async (t) => {
  const directory = temporary(t)
  const { code, stderr } = await run(process.execPath, [fixture('daemon/nest-daemons.cjs'), directory]).ended
  assert.equal(code, 0, stderr)
  const outer = factsFrom(t, path.join(directory, 'outer'))
  const inner = factsFrom(t, path.join(directory, 'inner'))
  assert.equal(JSON.parse(outer.more[0]).code, 0)
  assert.notEqual(inner.facts.sid, outer.facts.sid)
  assert.equal(stat(inner.facts.sid), null)
  assert.equal(inner.facts.env.PROCNATIVE_DAEMON, undefined)
})

for (const when of ['before', 'after']) {
  test(`daemonize(): makes one daemon, environment cleaned ${when} loading procnative`, {
    contract: 'D17',
  }, async (t) => {
    const log = path.join(temporary(t), 'log')
    const { code, stderr } = await runScript(fixture('daemon/clean-environment.cjs'), [log, when])
    assert.equal(code, 0, stderr)
    const { facts } = factsFrom(t, log)
    assert.deepEqual(facts.env, {})
    assert.equal(isAlive(facts.pid), true)
  })
}

test('daemonize(): ignores the marker of another process', { contract: 'D17' }, async (t) => {
  const { facts } = await launch(t, {}, { env: { ...process.env, PROCNATIVE_DAEMON: `3:1:${process.pid}` } })
  assert.equal(facts.env.PROCNATIVE_DAEMON, undefined)
  assert.equal(allPids().includes(facts.pid), true)
})
