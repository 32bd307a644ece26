// The user and the groups of daemonize().

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { factsFrom, launch } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { fixture, run } from '../helpers/run.mjs'

// Debian's user without rights, and its group.
const NOBODY = 65534

test('daemonize(): sets all ids and groups, user by name', { contract: 'D4', ...needs('root', isRoot) }, async (t) => {
  const { facts, code, stderr } = await launch(t, { user: 'nobody' })
  assert.equal(code, 0, stderr)
  assert.deepEqual(facts.uid, [NOBODY, NOBODY, NOBODY, NOBODY])
  assert.deepEqual(facts.gid, [NOBODY, NOBODY, NOBODY, NOBODY])
  assert.deepEqual(facts.groups, [NOBODY])
})

test('daemonize(): takes supplementary groups from the group database', {
  contract: 'D4',
  ...needs('root and unshare', isRoot && hasProgram('unshare')),
}, async (t) => {
  const directory = temporary(t)
  const [groups, mount] = [path.join(directory, 'group'), 'mount --bind "$1" /etc/group && shift && exec "$@"']
  // A new mount namespace, where the user `nobody` has two more groups.
  const added = ['one:x:50001:nobody', 'two:x:50002:daemon,nobody', 'three:x:50003:daemon']
  fs.writeFileSync(groups, `${fs.readFileSync('/etc/group', 'utf8')}${added.join('\n')}\n`)
  for (const options of [{ user: 'nobody' }, { user: NOBODY, group: 'three' }]) {
    const args = ['-m', 'sh', '-c', mount, 'sh', groups, process.execPath]
    const { facts, code, stderr } = await launch(t, options, { node: 'unshare', execArgv: args })
    assert.equal(code, 0, stderr)
    const own = options.group ? 50003 : NOBODY
    assert.deepEqual(facts.gid, Array(4).fill(own))
    assert.deepEqual(facts.groups.toSorted(), [50001, 50002, own].toSorted())
  }
})

test('daemonize(): sets all ids, user and group by number', { contract: 'D4', ...needs('root', isRoot) }, async (t) => {
  const { facts, code, stderr } = await launch(t, { user: 12345, group: 23456 })
  assert.equal(code, 0, stderr)
  assert.deepEqual(facts.uid, [12345, 12345, 12345, 12345])
  assert.deepEqual(facts.gid, [23456, 23456, 23456, 23456])
  assert.deepEqual(facts.groups, [23456])
})

test('daemonize(): opens a log before it changes the user', { contract: 'D4', ...needs('root', isRoot) }, async (t) => {
  const directory = temporary(t)
  fs.chmodSync(directory, 0o700)
  const log = path.join(directory, 'log')
  const { code, stderr } = await run(process.execPath, [
    fixture('daemon.cjs'),
    JSON.stringify({ stdout: log, user: 'nobody' }),
  ]).ended
  assert.equal(code, 0, stderr)
  const { facts } = factsFrom(t, log)
  assert.equal(facts.uid[0], NOBODY)
})

test('daemonize(): throws ERR_UNKNOWN_CREDENTIAL, unknown user or group', { contract: 'D4' }, async (t) => {
  for (const options of [{ user: 'no such user' }, { group: 'no such group' }, { user: 4_000_000 }]) {
    const { code, stderr } = await launch(t, options)
    assert.equal(code, 1)
    assert.match(stderr, /ERR_UNKNOWN_CREDENTIAL/)
  }
})

test('daemonize(): throws EPERM, unprivileged launcher, another user', {
  contract: 'D4',
  ...needs('root', isRoot),
}, async (t) => {
  const { code, stderr } = await launch(t, { user: 'daemon' }, { node: 'setpriv', execArgv: unprivileged() })
  assert.equal(code, 1)
  assert.match(stderr, /EPERM: operation not permitted, setgroups/)
})

test('daemonize(): needs no privilege for its own user', { contract: 'D4', ...needs('root', isRoot) }, async (t) => {
  const { facts, code, stderr } = await launch(t, { user: NOBODY }, { node: 'setpriv', execArgv: unprivileged() })
  assert.equal(code, 0, stderr)
  assert.equal(facts.uid[0], NOBODY)
})

test('daemonize(): throws EPERM and stays dumpable, root can be regained', {
  contract: 'D4',
  ...needs('root', isRoot),
}, async () => {
  // The launcher is not root, but has a capability that outlives the change of user. If it were not dumpable, root would
  // own its files in /proc.
  const capabilities = ['--inh-caps=+setuid,+setgid', '--ambient-caps=+setuid,+setgid']
  const args = [...unprivileged(), fixture('daemon/fail-to-change-user.cjs')]
  const { code, stdout, stderr } = await run('setpriv', [...capabilities, ...args]).ended
  assert.equal(code, 0, stderr)
  assert.deepEqual(JSON.parse(stdout), { code: 'EPERM', syscall: 'setuid', ownerBefore: NOBODY, ownerAfter: NOBODY })
})

const unprivileged = () => [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, `--init-groups`, process.execPath]
