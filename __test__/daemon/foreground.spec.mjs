// daemonize() in the foreground: the process stays the same.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { fixture, run, runScript } from '../helpers/run.mjs'

test('daemonize(): sets cwd, umask, user, notifies, keeps the process, foreground', {
  contract: 'D13',
  ...needs('root', isRoot),
}, async (t) => {
  const directory = temporary(t)
  const options = { foreground: true, cwd: directory, umask: 0o077, user: 'nobody', keep: [0] }
  const node = [process.execPath, fixture('daemon.cjs'), JSON.stringify(options), 'end']
  const { stdout, stderr, code } = await run('python3', [fixture('service-manager.py'), ...node]).ended
  assert.equal(code, 0, stderr)
  const { launcher, exit, messages, output } = JSON.parse(stdout)
  const facts = JSON.parse(output)
  assert.equal(exit, 0)
  assert.equal(facts.pid, launcher)
  assert.equal(facts.cwd, fs.realpathSync(directory))
  assert.equal(facts.umask, 0o077)
  assert.equal(facts.uid[0], 65534)
  assert.equal(facts.daemon.foreground, true)
  assert.equal(facts.descriptors[facts.daemon.kept[0]], facts.descriptors[0])
  assert.deepEqual(
    messages.map(({ text }) => text),
    ['READY=1'],
  )
})

test('daemonize(): refuses a way back to root, changes nothing, foreground', {
  contract: 'D13',
  ...needs('root', isRoot),
}, async () => {
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
  const withCapability = [...nobody, '--inh-caps=+setuid,+setgid', '--ambient-caps=+setuid,+setgid']
  const withoutSetuid = ['--bounding-set=-setuid', '--inh-caps=-setuid']
  for (const privileges of [withCapability, withoutSetuid]) {
    const program = [process.execPath, fixture('daemon/fail-in-foreground.cjs'), '{"user":"daemon"}']
    const { stdout, stderr } = await run('setpriv', [...privileges, ...program]).ended
    assert.notEqual(stdout, '', stderr)
    const { code, syscall, before, after } = JSON.parse(stdout)
    assert.deepEqual({ code, syscall }, { code: 'EPERM', syscall: 'setuid' })
    assert.deepEqual(after, before)
  }
})

test('daemonize(): needs no privilege for its own user, foreground', {
  contract: 'D13',
  ...needs('root', isRoot),
}, async () => {
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, fixture('daemon.cjs')]
  const { code, stderr } = await run('setpriv', [...nobody, '{"foreground":true,"user":65534}', 'end']).ended
  assert.equal(code, 0, stderr)
})

test('daemonize(): changes nothing when it fails, foreground', { contract: 'D13' }, async () => {
  for (const [options, expected] of [
    [{ cwd: '/no such directory', umask: 0 }, 'ENOENT'],
    [{ keep: [0, 999], umask: 0 }, 'EBADF'],
  ]) {
    const { stdout, stderr } = await runScript(fixture('daemon/fail-in-foreground.cjs'), [JSON.stringify(options)])
    assert.notEqual(stdout, '', stderr)
    const { code, before, after } = JSON.parse(stdout)
    assert.equal(code, expected)
    assert.deepEqual(after, before)
  }
})
