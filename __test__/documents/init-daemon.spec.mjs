// examples/init-daemon: daemonize() does each step of the classic init_daemon().

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { end } from '../helpers/daemon.mjs'
import { example, examplePath } from '../helpers/example.mjs'
import { foster } from '../helpers/foster.mjs'
import { hasProgram, isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { descriptors, isAlive, stat, status } from '../helpers/proc.mjs'
import { pty } from '../helpers/pty.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const NODE = needs('Node.js', isNode)
const PYTHON = needs('Node.js, python3', isNode && hasProgram('python3'))

// Descriptors that a Node.js process opens for itself: epoll sets, eventfds, and pipes between its threads.
const isRuntimes = (what) => /^(anon_inode:\[(eventpoll|eventfd|io_uring)\]|pipe:\[\d+\])$/.test(what)

/** Runs daemon.js to the end of the launcher. `prefix`: words before the command. */
async function launch(t, { prefix = [], args = [] } = {}) {
  const created = path.join(temporary(t), 'created')
  const command = [...prefix, process.execPath, examplePath('init-daemon/daemon.js'), created, ...args]
  const launcher = await run(command[0], command.slice(1)).ended
  assert.deepEqual([launcher.code, launcher.stderr], [0, ''])
  const pid = Number(fs.readFileSync(created, 'utf8'))
  t.after(() => end(pid))
  return { created, launcher, pid }
}

test('examples/init-daemon: the daemon’s parent is init, its session has no leader', NODE, async (t) => {
  const { launcher, pid } = await launch(t)
  const { ppid, pgrp, session, tty } = stat(pid)
  assert.equal(ppid, foster(t))
  assert.notEqual(ppid, launcher.pid)
  assert.equal(stat(launcher.pid), null)
  assert.notEqual(session, stat('self').session)
  assert.deepEqual([pgrp, tty], [session, 0])
  assert.notEqual(session, pid)
  assert.equal(stat(session), null)
})

test('examples/init-daemon: the daemon is in /tmp with umask 0', NODE, async (t) => {
  const { created, pid } = await launch(t)
  assert.equal(fs.readlinkSync(`/proc/${pid}/cwd`), fs.realpathSync('/tmp'))
  assert.equal(status(pid, 'Umask'), '0000')
  assert.equal(fs.statSync(created).mode & 0o777, 0o666)
})

test('examples/init-daemon: closes the launcher’s file, pipe and socket', PYTHON, async (t) => {
  const prefix = ['python3', fixture('leak-descriptors.py')]
  const links =
    "for (const fd of fs.readdirSync('/proc/self/fd')) try { console.log(fs.readlinkSync('/proc/self/fd/' + fd)) } catch {}"
  // An ordinary program inherits all four.
  const [leaks, ...had] = (
    await run('python3', [fixture('leak-descriptors.py'), process.execPath, '-e', links]).ended
  ).stdout.split('\n')
  assert.equal(leaks.split(' ').filter((leak) => had.includes(leak)).length, 4)

  const { launcher, pid } = await launch(t, { prefix })
  const inherited = launcher.stdout.trim().split(' ')
  assert.equal(inherited.length, 4)
  await until(() => !fs.existsSync(`/proc/${pid}/fd/3`), 'the link to the launcher is closed')
  const open = Object.entries(descriptors(pid))
  assert.deepEqual(
    open.filter(([, what]) => !isRuntimes(what)),
    ['0', '1', '2'].map((fd) => [fd, '/dev/null']),
  )
  assert.deepEqual(
    open.filter(([, what]) => inherited.includes(what)),
    [],
  )
})

test('examples/init-daemon: the daemon gains no terminal by opening one', PYTHON, async (t) => {
  const { name: terminal } = await pty(t)
  const { pid } = await launch(t, { args: [terminal] })
  assert.equal(stat(pid).tty, 0)

  const open =
    "fs.closeSync(fs.openSync(process.argv[1], 'r+')); console.log(fs.readFileSync('/proc/self/stat', 'utf8'))"
  const leader = await run(process.execPath, ['-e', open, terminal], { detached: true }).ended
  assert.notEqual(leader.stdout.split(') ')[1].split(' ')[4], '0')
})

test('examples/init-daemon: shows each step, stops the daemon, leaves nothing', PYTHON, async (t) => {
  const { name: terminal } = await pty(t)
  const { child, says, ended } = example(t, 'init-daemon', [terminal])
  const [, pid, launcher] = (await says(/the daemon is (\d+); launcher (\d+) has ended/)).map(Number)
  t.after(() => end(pid))
  await says(/^close /m)
  const { ppid, session, tty } = stat(pid)
  assert.deepEqual([isAlive(pid), stat(launcher), tty], [true, null, 0])
  child.stdin.end()
  const { code, stdout, stderr } = await ended()
  assert.deepEqual([code, stderr], [0, ''])
  for (const line of [
    `fork    its parent is ${ppid}`,
    `setsid  its session is ${session}`,
    'fork    the leader of its session is gone',
    `        its terminal: ?, though it has opened ${terminal}`,
    'chdir   /tmp',
    'umask   0000, so that a file it creates has mode 666',
    'close   open are 0 /dev/null, 1 /dev/null, 2 /dev/null',
    'stopped',
  ]) {
    assert.ok(stdout.split('\n').includes(line), `${line}\n${stdout}`)
  }
  assert.equal(isAlive(pid), false)
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  test(`examples/init-daemon: stops its daemon, ${signal}`, NODE, async (t) => {
    const { child, says, ended } = example(t, 'init-daemon')
    const pid = Number((await says(/the daemon is (\d+);[\s\S]*^close /m))[1])
    t.after(() => end(pid))
    child.kill(signal)
    assert.equal((await ended()).code, 0)
    assert.equal(isAlive(pid), false)
  })
}
