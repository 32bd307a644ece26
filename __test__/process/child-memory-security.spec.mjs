// Memory of a child: until its exec, a child shares the memory of its parent. The child's user must not read that memory.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { NOBODY } from '../helpers/channels.mjs'
import { factsFrom, firstLine } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { hostile } from '../helpers/hostile-user.mjs'
import { allPids, stat, status } from '../helpers/proc.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const suidDumpable = () => fs.readFileSync('/proc/sys/fs/suid_dumpable', 'utf8').trim()

test('daemonize() user: the user can’t read memory shared until the exec', {
  contract: 'D4',
  ...needs(
    'root, setpriv, strace, and fs.suid_dumpable other than 1',
    isRoot && hasProgram('setpriv') && hasProgram('strace') && suidDumpable() !== '1',
  ),
}, async (t) => {
  const directory = temporary(t)
  const log = path.join(directory, 'log')
  // Only the child calls getppid(), after it has changed its user.
  const held = ['-e', 'trace=getppid', '-e', 'inject=getppid:delay_enter=3000000']
  const options = JSON.stringify({ stdout: log, user: NOBODY, group: NOBODY })
  const { child, ended } = run('strace', [
    ...['-f', '-qq', '-o', path.join(directory, 'trace'), ...held],
    ...[process.execPath, fixture('daemon.cjs'), options, 'stay'],
  ])
  t.after(() => ended)
  const look = async (pid) => (await hostile(t, 'process/read-process-memory.py', [pid]).told('looked')).looked
  // strace's child is the launcher, whose child is the middle process, whose child is held.
  const launcherOf = (pid) => stat(stat(pid)?.ppid)?.ppid
  const isHeld = (pid) => status(pid, 'Uid')?.startsWith(`${NOBODY}\t`) && stat(launcherOf(pid))?.ppid === child.pid
  const pid = await until(() => allPids().find(isHeld), 'the child is another user')
  assert.deepEqual(await look(pid), { mem: 'EACCES', process_vm_readv: 'EPERM' })
  assert.equal(fs.existsSync(log) && fs.readFileSync(log, 'utf8'), '', 'the child is still held')
  // The user can read the memory of its own program.
  await until(() => firstLine(log), 'the daemon runs')
  const { facts } = factsFrom(t, log)
  assert.equal(facts.pid, pid)
  assert.deepEqual(await look(pid), { mem: null, process_vm_readv: 'EFAULT' })
})
