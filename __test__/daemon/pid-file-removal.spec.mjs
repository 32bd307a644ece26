// The removal of a pid file: after a failed start, and at the end of the daemon.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { NOT_RUNNING, newPidFile, read, refusal, start, startForeground } from '../helpers/pid-file.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const strace = needs('strace', hasProgram('strace'))
const root = needs('root', isRoot)

const NOTHING = { children: 0, descriptors: 0 }

// ── Failed starts ──

for (const [what, options, how, expected] of [
  ['whose daemon throws', {}, 'throw before it is ready', { code: 'ERR_PROCNATIVE_DAEMON_EXITED' }],
  ['whose daemon exits', {}, 'exit before it is ready', { code: 'ERR_PROCNATIVE_DAEMON_EXITED' }],
  ['whose daemon is late', { ready: 'manual', readyTimeout: 300 }, 'exit', { code: 'ERR_PROCNATIVE_DAEMON_TIMEOUT' }],
  [
    'without a directory for its log',
    { stdout: '/no such directory/log' },
    'exit',
    { code: 'ENOENT', syscall: 'open' },
  ],
  ['without its cwd', { cwd: '/no such directory' }, 'exit', { code: 'ENOENT', syscall: 'chdir' }],
  ['with a closed descriptor to keep', { keep: [999] }, 'exit', { code: 'EBADF', syscall: 'fcntl' }],
  ['with an unknown user', { user: 'no such user' }, 'exit', { code: 'ERR_UNKNOWN_CREDENTIAL' }],
]) {
  test(`pidFile: a start ${what} leaves no file`, { contract: 'D20' }, async (t) => {
    const pidFile = newPidFile(t)
    const { path: _, ...error } = await refusal(t, { pidFile, ...options }, { how })
    assert.deepEqual(error, expected)
    assert.equal(fs.existsSync(pidFile), false)
  })
}

test('pidFile: a start whose execve fails leaves no file', { contract: 'D20', ...root }, async (t) => {
  const pidFile = newPidFile(t)
  const directory = path.join(temporary(t), 'closed')
  fs.mkdirSync(directory, { mode: 0o700 })
  const node = path.join(directory, 'node')
  fs.copyFileSync(process.execPath, node)
  const args = [fixture('report-refusal.cjs'), JSON.stringify({ pidFile, user: 'nobody' })]
  const { stdout, stderr } = await run(node, args).ended
  assert.notEqual(stdout, '', stderr)
  assert.deepEqual(JSON.parse(stdout), { code: 'EACCES', syscall: 'execve', path: node, left: NOTHING })
  assert.equal(fs.existsSync(pidFile), false)
})

for (const [call, name] of [
  ['pwrite64', 'pwrite'],
  ['ftruncate', 'ftruncate'],
]) {
  test(`pidFile: throws a failed ${name} with its path, leaves no file`, { contract: 'D20', ...strace }, async (t) => {
    const pidFile = newPidFile(t)
    const trace = path.join(temporary(t), 'trace')
    const node = [process.execPath, fixture('report-refusal.cjs'), JSON.stringify({ pidFile })]
    const faults = ['-f', '-qq', '-o', trace, '-e', `trace=${call}`, '-e', `inject=${call}:error=ENOSPC`]
    const { stdout, stderr } = await run('strace', [...faults, ...node]).ended
    assert.notEqual(stdout, '', stderr)
    assert.deepEqual(JSON.parse(stdout), { code: 'ENOSPC', syscall: name, path: pidFile, left: NOTHING })
    assert.equal(fs.existsSync(pidFile), false)
  })
}

// ── The end ──

for (const [how, condition] of [
  ['exit', 'process.exit()'],
  ['run empty', 'event loop empty'],
  ['throw', 'uncaught error'],
]) {
  test(`pidFile: is removed at the end, ${condition}`, { contract: 'D20' }, async (t) => {
    const pidFile = newPidFile(t)
    const { pid } = await start(t, { pidFile }, { how })
    await end(pid, 'SIGUSR2')
    assert.equal(fs.existsSync(pidFile), false)
    assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  })

  test(`pidFile: is removed at the end, ${condition}, foreground`, { contract: 'D20' }, async (t) => {
    const pidFile = newPidFile(t)
    const { pid, ended } = await startForeground(t, { pidFile }, { how })
    process.kill(pid, 'SIGUSR2')
    await ended
    assert.equal(fs.existsSync(pidFile), false)
  })
}

test('pidFile: stays, unlocked, after SIGTERM without a handler', { contract: 'D20' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  await end(pid, 'SIGTERM')
  await until(() => !daemonStatus(pidFile).running, 'the lock is free')
  assert.equal(read(pidFile), `${pid}\n`)
})

test('pidFile: an exit keeps the file of another daemon', { contract: 'D20' }, async (t) => {
  const pidFile = newPidFile(t)
  const first = await start(t, { pidFile })
  fs.rmSync(pidFile)
  assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  const second = await start(t, { pidFile })
  await end(first.pid, 'SIGUSR2')
  assert.equal(read(pidFile), `${second.pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: second.pid })
})

test('pidFile: an exit keeps a new file with the same pid', { contract: 'D20' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  fs.rmSync(pidFile)
  fs.writeFileSync(pidFile, `${pid}\n`)
  await end(pid, 'SIGUSR2')
  assert.equal(read(pidFile), `${pid}\n`)
})

test('pidFile: an exit keeps a file that names another process', { contract: 'D20' }, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  fs.writeFileSync(pidFile, `${process.pid}\n`)
  await end(pid, 'SIGUSR2')
  assert.equal(read(pidFile), `${process.pid}\n`)
})

for (const [what, directoryMode] of [
  ['not writable for', 0o755],
  ['closed to', 0o700],
]) {
  for (const [where, begin] of [
    ['', start],
    [', foreground', startForeground],
  ]) {
    test(`pidFile: an exit empties it, directory ${what} the user${where}`, { contract: 'D20', ...root }, async (t) => {
      const directory = path.join(temporary(t), 'closed')
      fs.mkdirSync(directory, { mode: directoryMode })
      const pidFile = path.join(directory, 'daemon.pid')
      const { pid, log, ended } = await begin(t, { pidFile, user: 'nobody' })
      assert.equal(read(pidFile), `${pid}\n`)
      assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
      process.kill(pid, 'SIGUSR2')
      await ended
      await until(() => !daemonStatus(pidFile).running, 'the daemon has ended')
      assert.equal(read(pidFile), '')
      // The daemon logged no complaint.
      assert.equal(read(log).trim().split('\n').length, 1)
    })
  }
}

for (const [where, begin] of [
  ['', start],
  [', foreground', startForeground],
]) {
  test(`pidFile: the daemon is running until its last exit handler${where}`, { contract: 'D20' }, async (t) => {
    const pidFile = newPidFile(t)
    const { pid, log } = await begin(t, { pidFile }, { how: 'ask at the end' })
    process.kill(pid, 'SIGUSR2')
    await until(() => !fs.existsSync(pidFile) && read(log).trim().split('\n').length === 2)
    assert.deepEqual(JSON.parse(read(log).trim().split('\n')[1]), { running: true, pid })
  })
}
