// Pid files in a directory that a hostile user may write to.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus, socketpair, spawnDaemon, stopDaemon } from '../../index.js'
import { temporary, test } from '../helpers/harness.mjs'
import { anotherUser, hostile } from '../helpers/hostile-user.mjs'
import { AS_NOBODY, mode, newPidFile, read, refusal, start } from '../helpers/pid-file.mjs'
import { isAlive } from '../helpers/proc.mjs'
import { repetitions } from '../helpers/repetitions.mjs'

const ROUNDS = repetitions(300)
// Time in which a start must have met both kinds of file, in ms.
const PATIENCE_MS = 15_000

test('pidFile: another user can neither read nor lock it', { contract: 'D19', ...anotherUser }, async (t) => {
  const pidFile = newPidFile(t)
  await start(t, { pidFile })
  const { told } = hostile(t, 'daemon/try-to-open.py', [pidFile])
  assert.deepEqual((await told('went')).went, ['EACCES', 'EACCES'])
})

for (const foreground of [false, true]) {
  const where = foreground ? ', foreground' : ''

  test(`pidFile: throws EMLINK and keeps a file with two names${where}`, { contract: 'D20' }, async (t) => {
    const pidFile = newPidFile(t)
    const target = path.join(path.dirname(pidFile), 'target')
    fs.writeFileSync(target, 'precious', { mode: 0o644 })
    fs.linkSync(target, pidFile)
    const expected = { code: 'EMLINK', syscall: 'open', path: pidFile }
    assert.deepEqual(await refusal(t, { pidFile, foreground }), expected)
    assert.deepEqual([read(target), mode(target)], ['precious', 0o644])
    assert.equal(fs.statSync(pidFile).ino, fs.statSync(target).ino)
  })
}

test('pidFile: never touches the target of a swapped symbolic link', { contract: 'D20', ...anotherUser }, async (t) => {
  const pidFile = newPidFile(t)
  const target = path.join(temporary(t), 'target')
  fs.writeFileSync(target, 'precious', { mode: 0o644 })
  const { told } = hostile(t, 'swap-with-symlink.py', [pidFile, target, 'file'])
  await told('begun')
  const seen = { started: 0, refused: 0 }
  const isEnough = () => seen.started > 0 && seen.refused > 0
  const deadline = Date.now() + PATIENCE_MS
  for (let round = 0; round < ROUNDS || (!isEnough() && Date.now() < deadline); round++) {
    try {
      await spawnDaemon('true', [], { pidFile })
      seen.started++
    } catch ({ code }) {
      // EAGAIN: each check found another file.
      assert.match(code, /^(ELOOP|EAGAIN|ERR_PROCNATIVE_ALREADY_RUNNING)$/)
      seen.refused++
    }
    assert.deepEqual([read(target), mode(target)], ['precious', 0o644])
  }
  assert.ok(isEnough(), JSON.stringify(seen))
})

test('stopDaemon(): signals no process that a hostile pid file names', {
  contract: 'D21',
  ...anotherUser,
}, async (t) => {
  const pidFile = newPidFile(t)
  const [one, other] = socketpair()
  // The victim takes descriptors from strangers, as a message bus does.
  const victim = hostile(t, 'daemon/take-descriptors.py', [], { prefix: [], stdio: [one.fd] })
  const { told } = hostile(t, 'daemon/pass-lock.py', [pidFile, victim.child.pid], { stdio: [other.fd] })
  one.close()
  other.close()
  await told('passed')
  await victim.told('has')
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: null })
  await assert.rejects(stopDaemon(pidFile), { code: 'ERR_PROCNATIVE_HOLDER_UNKNOWN' })
  assert.equal(isAlive(victim.child.pid), true)
})

test('pidFile: replaces a file of another user', { contract: 'D20', ...anotherUser }, async (t) => {
  const pidFile = newPidFile(t)
  fs.writeFileSync(pidFile, '1\n')
  fs.chownSync(pidFile, 65534, 65534)
  const theirs = fs.openSync(pidFile, 'r+')
  t.after(() => fs.closeSync(theirs))
  const { pid } = await start(t, { pidFile })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  assert.equal(fs.statSync(pidFile).uid, process.getuid())
  assert.equal(fs.readFileSync(theirs, 'utf8'), '1\n')
})

test('stopDaemon(): root stops another user’s daemon', { contract: 'D21', ...anotherUser }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile, stdout: `${pidFile}.log` }, { prefix: AS_NOBODY })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  assert.deepEqual(await stopDaemon(pidFile), { pid, killed: false })
})
