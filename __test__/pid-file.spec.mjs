// D19, D20, and what daemonStatus() says of it: D21. How a start is refused: E1, E3.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import procnative from '../index.js'
import { end, launch } from './helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from './helpers/harness.mjs'
import {
  AS_NOBODY,
  askElsewhere,
  locker,
  namedBy,
  newPidFile,
  refusal,
  start,
  startForeground,
  stranger,
} from './helpers/pid-file.mjs'
import { descriptors, isAlive } from './helpers/proc.mjs'
import { fixture, run, runScript } from './helpers/run.mjs'
import { until } from './helpers/until.mjs'

const { daemonStatus, stopDaemon } = procnative
const python = needs('python3', hasProgram('python3'))
const strace = needs('strace', hasProgram('strace'))
const root = needs('root', isRoot)

const NOTHING = { children: 0, descriptors: 0 }
const NOT_RUNNING = { running: false, pid: null }
const read = (file) => fs.readFileSync(file, 'utf8')
const mode = (file) => fs.statSync(file).mode & 0o777

/** Kills a daemon with all its threads: the lock goes with the last of them. */
async function killDaemon(pid, pidFile) {
  await end(pid)
  await until(() => !daemonStatus(pidFile).running, 'the lock is free')
}

// ── D19: the lock ──

/** A process that tries to start a daemon whenever it is told to: see fixtures/contender.cjs. */
async function contender(context) {
  const child = spawn(process.execPath, [fixture('contender.cjs')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const said = []
  createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line)))
  const one = { child, code: undefined, ended: new Promise((resolve) => child.on('close', resolve)) }
  one.ended.then((code) => {
    one.code = code
  })
  one.attempt = (pidFile) => child.stdin.write(`${pidFile}\n`)
  one.answer = () => said.shift()
  context.after(() => {
    child.stdin.end()
    return one.ended
  })
  await until(() => one.answer(), 'the contender is there')
  return one
}

test('D19: of 50 concurrent starts one daemon lives, and 49 throw ERR_PROCNATIVE_ALREADY_RUNNING with its pid', async (t) => {
  const pidFile = newPidFile(t)
  let contenders = await Promise.all(Array.from({ length: 50 }, () => contender(t)))
  for (let round = 0; round < 20; round++) {
    // By turns over the file that the one before has left, and where there is none.
    if (round % 2 === 0) fs.rmSync(pidFile, { force: true })
    for (const one of contenders) one.attempt(pidFile)
    const outcomes = await Promise.all(
      contenders.map((one) => until(() => one.answer() ?? (one.code === undefined ? null : { exit: one.code }))),
    )
    const pid = Number(read(pidFile))
    t.after(() => end(pid))
    const losses = outcomes.filter(({ exit }) => exit === undefined)
    assert.deepEqual(
      outcomes.filter(({ exit }) => exit !== undefined),
      [{ exit: 0 }],
    )
    assert.deepEqual(losses, Array(49).fill({ code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid }))
    assert.equal(isAlive(pid), true)
    assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
    await killDaemon(pid, pidFile)
    contenders = [...contenders.filter((_, index) => outcomes[index].exit === undefined), await contender(t)]
  }
})

test('D19, D20: processes that lock and let go without a pause are never two at once, nor without their file', async (t) => {
  const pidFile = newPidFile(t)
  const results = await Promise.all(
    Array.from({ length: 4 }, () => runScript(fixture('lock-race.cjs'), [pidFile, 1000])),
  )
  assert.deepEqual(
    results.map(({ code, stderr }) => ({ code, stderr })),
    results.map(() => ({ code: 0, stderr: '' })),
  )
  assert.equal(fs.existsSync(pidFile), false)
})

test('D19: another program sees an OFD write lock on the whole file', python, async (t) => {
  const pidFile = newPidFile(t)
  await start(t, { pidFile })
  // The owner of an OFD lock is told as -1.
  assert.deepEqual(await locker(t).ask(pidFile), { kind: 'write', start: 0, length: 0, pid: -1 })
})

test('D19: the lock keeps another program from locking any byte', python, async (t) => {
  const pidFile = newPidFile(t)
  await start(t, { pidFile })
  const { tryLock } = locker(t)
  for (const kind of ['read', 'write']) {
    for (const [first, length] of [
      [0, 1],
      [1, 0],
      [100, 1],
    ]) {
      assert.equal(await tryLock(pidFile, kind, first, length), 'EAGAIN')
    }
  }
})

test('D19: from launcher to daemon there is no moment without the lock', python, async (t) => {
  const pidFile = newPidFile(t)
  fs.writeFileSync(pidFile, '')
  const { watch, seen } = locker(t)
  for (let round = 0; round < 10; round++) {
    await watch(pidFile)
    const { pid } = await start(t, { pidFile })
    await killDaemon(pid, pidFile)
    const states = (await seen(pidFile)).map((lock) => lock && `${lock.kind} ${lock.start} ${lock.length}`)
    // The first byte is locked for a short time only, and may have been missed.
    const steps = states.filter((state) => state !== 'write 0 1')
    assert.deepEqual(steps, [null, 'write 0 0', null])
    assert.ok(states.length === 3 || states[1] === 'write 0 1', states.join())
  }
})

const turns = async (count) => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

test('D19: a launcher killed at any of 40 points leaves no lock, or that of a daemon that was not killed', async (t) => {
  const pidFile = newPidFile(t)
  const log = path.join(temporary(t), 'log')
  const options = JSON.stringify({ pidFile, stdout: log })
  const reached = { 'before the lock': 0, 'with the lock': 0, ready: 0 }
  for (let point = 0; point < 40; point++) {
    fs.rmSync(log, { force: true })
    const { child, ended } = run(process.execPath, [fixture('ending.cjs'), options])
    // A quarter before there is a lock, a quarter when the daemon has spoken, the others in between.
    if (point % 4 === 0) await turns(point)
    else await until(() => daemonStatus(pidFile).running)
    if (point % 4 === 2) await turns(point * 30)
    if (point % 4 === 3) await until(() => fs.existsSync(log) && read(log).includes('\n'))
    const { running } = daemonStatus(pidFile)
    child.kill('SIGKILL')
    const { code } = await ended
    reached[code === 0 ? 'ready' : running ? 'with the lock' : 'before the lock']++
    const { pid } = await until(() => {
      const status = daemonStatus(pidFile)
      // A daemon that is to die may be on its way yet.
      return (!status.running || isReady(status.pid)) && status
    })
    if (pid === null) continue
    assert.equal(read(pidFile), `${pid}\n`)
    await killDaemon(pid, pidFile)
  }
  for (const stage of ['before the lock', 'with the lock']) assert.notEqual(reached[stage], 0, `no kill ${stage}`)
  // Whatever they have left, a start succeeds.
  const { pid } = await start(t, { pidFile })
  assert.equal(read(pidFile), `${pid}\n`)
})

/** Whether a daemon has let go of its launcher: it has closed the link, and is not about to die without it. */
function isReady(pid) {
  if (pid === null || !isAlive(pid)) return false
  const open = Object.values(descriptorsOf(pid))
  return open.length > 0 && !open.some((what) => what.startsWith('socket:'))
}

function descriptorsOf(pid) {
  try {
    return descriptors(pid)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
    return {}
  }
}

test('D19: a child of the daemon has not got the lock: with it alive after kill -9, a start succeeds', async (t) => {
  const pidFile = newPidFile(t)
  const { pid, child } = await start(t, { pidFile }, { how: 'have a child' })
  t.after(() => end(child))
  assert.ok(Object.values(descriptors(pid)).includes(pidFile))
  assert.ok(!Object.values(descriptors(child)).includes(pidFile))
  await killDaemon(pid, pidFile)
  assert.equal(isAlive(child), true)
  const next = await start(t, { pidFile })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: next.pid })
})

test('D19: in the foreground too, a child has not got the lock', async (t) => {
  const pidFile = newPidFile(t)
  const { pid, child, ended } = await startForeground(t, { pidFile }, { how: 'have a child' })
  t.after(() => end(child))
  assert.ok(Object.values(descriptors(pid)).includes(pidFile))
  assert.ok(!Object.values(descriptors(child)).includes(pidFile))
  process.kill(pid, 'SIGKILL')
  await ended
  assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
})

for (const umask of ['000', '777']) {
  test(`D19: the file has mode 0600, whatever the umask: ${umask}`, async (t) => {
    const pidFile = newPidFile(t)
    await start(t, { pidFile }, { prefix: ['bash', '-c', `umask ${umask} && exec "$0" "$@"`] })
    assert.equal(mode(pidFile), 0o600)
  })
}

test('D19: a file that was readable by others has mode 0600 afterwards', async (t) => {
  const pidFile = newPidFile(t)
  fs.writeFileSync(pidFile, '', { mode: 0o644 })
  await start(t, { pidFile })
  assert.equal(mode(pidFile), 0o600)
})

for (const [what, first, length] of [
  ['the whole file', 0, 0],
  ['its first byte', 0, 1],
  ['what follows its first byte', 1, 0],
]) {
  test(`D19: somebody else’s read lock on ${what} is EAGAIN, and no daemon that runs`, python, async (t) => {
    const pidFile = newPidFile(t)
    const { lock, unlock } = locker(t)
    for (const foreground of [false, true]) {
      await lock(pidFile, 'read', first, length)
      assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
      const error = await refusal(t, { pidFile, foreground })
      assert.deepEqual(error, { code: 'EAGAIN', syscall: 'fcntl', path: pidFile })
      await unlock(pidFile)
    }
    const { pid } = await start(t, { pidFile })
    assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  })
}

test(
  'D19: while another start is on its way and its pid not known, a start throws with pid: null',
  python,
  async (t) => {
    const pidFile = newPidFile(t)
    await locker(t).lock(pidFile, 'write', 0, 1)
    for (const foreground of [false, true]) {
      assert.deepEqual(await refusal(t, { pidFile, foreground }), { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid: null })
    }
  },
)

test(
  'D19: where the file names a stranger and not who has the lock, a start throws with pid: null',
  python,
  async (t) => {
    const pidFile = newPidFile(t)
    await locker(t).lock(pidFile, 'write')
    fs.writeFileSync(pidFile, `${stranger(t)}\n`)
    for (const foreground of [false, true]) {
      assert.deepEqual(await refusal(t, { pidFile, foreground }), { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid: null })
    }
  },
)

// ── D20: what is at the path ──

test('D20: a start succeeds after kill -9', async (t) => {
  const pidFile = newPidFile(t)
  const first = await start(t, { pidFile })
  await killDaemon(first.pid, pidFile)
  assert.equal(read(pidFile), `${first.pid}\n`)
  const { pid } = await start(t, { pidFile })
  assert.equal(read(pidFile), `${pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
})

for (const [what, contents] of [
  ['an empty file', () => ''],
  ['garbage', () => 'this was never a pid file: '.repeat(1000)],
  ['bytes that are no text', () => Buffer.from([0, 255, 254, 10, 0, 200])],
  ['a pid that nobody has', () => '2147483647\n'],
  ['a negative pid', () => '-1\n'],
  ['the pid of a stranger, which was given it since', (t) => `${stranger(t)}\n`],
]) {
  for (const foreground of [false, true]) {
    test(`D20: a start succeeds over ${what}${foreground ? ', in the foreground' : ''}`, async (t) => {
      const pidFile = newPidFile(t)
      fs.writeFileSync(pidFile, contents(t))
      assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
      const { pid } = await (foreground ? startForeground : start)(t, { pidFile })
      assert.equal(read(pidFile), `${pid}\n`)
      assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
    })
  }
}

test('D20: the file has the daemon’s pid before the daemon’s program begins', async (t) => {
  const pidFile = newPidFile(t)
  const { pid, found } = await start(t, { pidFile })
  assert.equal(found, `${pid}\n`)
  assert.equal(read(pidFile), `${pid}\n`)
})

for (const foreground of [false, true]) {
  const where = foreground ? ', in the foreground' : ''

  test(`D20: a symbolic link is ELOOP, and what it leads to is left alone${where}`, async (t) => {
    const pidFile = newPidFile(t)
    const target = path.join(temporary(t), 'target')
    fs.symlinkSync(target, pidFile)
    const expected = { code: 'ELOOP', syscall: 'open', path: pidFile }
    assert.deepEqual(await refusal(t, { pidFile, foreground }), expected)
    assert.equal(fs.existsSync(target), false)
    fs.writeFileSync(target, 'precious', { mode: 0o644 })
    assert.deepEqual(await refusal(t, { pidFile, foreground }), expected)
    assert.equal(read(target), 'precious')
    assert.equal(mode(target), 0o644)
    assert.equal(fs.readlinkSync(pidFile), target)
    assert.throws(() => daemonStatus(pidFile), expected)
  })

  for (const [what, make, options, code] of [
    ['a FIFO', (at) => run('mkfifo', [at]).ended, needs('mkfifo', hasProgram('mkfifo')), 'EINVAL'],
    ['a device', (at) => run('mknod', [at, 'c', '1', '3']).ended, root, 'EINVAL'],
    ['a directory', (at) => fs.promises.mkdir(at), {}, 'EISDIR'],
  ]) {
    test(
      `D20: ${what} at the path is ${code}, which takes no waiting and changes nothing${where}`,
      options,
      async (t) => {
        const pidFile = newPidFile(t)
        await make(pidFile)
        const before = fs.lstatSync(pidFile)
        assert.deepEqual(await refusal(t, { pidFile, foreground }), { code, syscall: 'open', path: pidFile })
        const after = fs.lstatSync(pidFile)
        assert.deepEqual([after.ino, after.mode], [before.ino, before.mode])
        assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
      },
    )
  }

  test(`D20: a directory that may not be written to is EACCES, and there is no daemon${where}`, root, async (t) => {
    const directory = path.join(temporary(t), 'closed')
    fs.mkdirSync(directory, { mode: 0o755 })
    const pidFile = path.join(directory, 'daemon.pid')
    const log = path.join(temporary(t), 'log')
    const error = await refusal(t, { pidFile, stdout: log, foreground }, { prefix: AS_NOBODY })
    assert.deepEqual(error, { code: 'EACCES', syscall: 'open', path: pidFile })
    assert.deepEqual(fs.readdirSync(directory), [])
    assert.equal(fs.existsSync(log), false)
  })

  test(`D20: somebody else’s file is EACCES${where}`, root, async (t) => {
    const pidFile = newPidFile(t)
    fs.writeFileSync(pidFile, '', { mode: 0o644 })
    const error = await refusal(t, { pidFile, foreground }, { prefix: AS_NOBODY })
    assert.deepEqual(error, { code: 'EACCES', syscall: 'open', path: pidFile })
  })

  test(`D20: a directory that is not there is ENOENT${where}`, async (t) => {
    const pidFile = path.join(temporary(t), 'missing', 'daemon.pid')
    assert.deepEqual(await refusal(t, { pidFile, foreground }), { code: 'ENOENT', syscall: 'open', path: pidFile })
    assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  })
}

test(
  'D20: the owner of a 1777 directory’s file may start over it where fs.protected_regular holds',
  root,
  async (t) => {
    const directory = path.join(temporary(t), 'sticky')
    fs.mkdirSync(directory)
    fs.chmodSync(directory, 0o1777)
    const pidFile = path.join(directory, 'daemon.pid')
    fs.writeFileSync(pidFile, '')
    fs.chownSync(pidFile, 65534, 65534)
    const { pid } = await start(t, { pidFile })
    assert.equal(read(pidFile), `${pid}\n`)
  },
)

for (const [what, options, how, expected] of [
  ['whose daemon throws', {}, 'throw before it is ready', { code: 'ERR_PROCNATIVE_DAEMON_EXITED' }],
  ['whose daemon exits', {}, 'exit before it is ready', { code: 'ERR_PROCNATIVE_DAEMON_EXITED' }],
  ['whose daemon is late', { ready: 'manual', readyTimeout: 300 }, 'exit', { code: 'ERR_PROCNATIVE_DAEMON_TIMEOUT' }],
  ['whose log can’t be opened', { stdout: '/no such directory/log' }, 'exit', { code: 'ENOENT', syscall: 'open' }],
  ['whose cwd is not there', { cwd: '/no such directory' }, 'exit', { code: 'ENOENT', syscall: 'chdir' }],
  ['that keeps what is not open', { keep: [999] }, 'exit', { code: 'EBADF', syscall: 'fcntl' }],
  ['whose user is not there', { user: 'no such user' }, 'exit', { code: 'ERR_UNKNOWN_CREDENTIAL' }],
]) {
  test(`D20: a start ${what} leaves no pid file`, async (t) => {
    const pidFile = newPidFile(t)
    const { path: _, ...error } = await refusal(t, { pidFile, ...options }, { how })
    assert.deepEqual(error, expected)
    assert.equal(fs.existsSync(pidFile), false)
  })
}

test('D20: a start whose execve fails leaves no pid file', root, async (t) => {
  const pidFile = newPidFile(t)
  const directory = path.join(temporary(t), 'closed')
  fs.mkdirSync(directory, { mode: 0o700 })
  const node = path.join(directory, 'node')
  fs.copyFileSync(process.execPath, node)
  const args = [fixture('attempt.cjs'), JSON.stringify({ pidFile, user: 'nobody' })]
  const { stdout, stderr } = await run(node, args).ended
  assert.notEqual(stdout, '', stderr)
  assert.deepEqual(JSON.parse(stdout), { code: 'EACCES', syscall: 'execve', path: node, left: NOTHING })
  assert.equal(fs.existsSync(pidFile), false)
})

for (const [call, name] of [
  ['pwrite64', 'pwrite'],
  ['ftruncate', 'ftruncate'],
]) {
  test(`D20: a ${name} of the pid that fails is thrown with its path, and leaves no pid file`, strace, async (t) => {
    const pidFile = newPidFile(t)
    const trace = path.join(temporary(t), 'trace')
    const node = [process.execPath, fixture('attempt.cjs'), JSON.stringify({ pidFile })]
    const faults = ['-f', '-qq', '-o', trace, '-e', `trace=${call}`, '-e', `inject=${call}:error=ENOSPC`]
    const { stdout, stderr } = await run('strace', [...faults, ...node]).ended
    assert.notEqual(stdout, '', stderr)
    assert.deepEqual(JSON.parse(stdout), { code: 'ENOSPC', syscall: name, path: pidFile, left: NOTHING })
    assert.equal(fs.existsSync(pidFile), false)
  })
}

// ── D20: the end ──

for (const how of ['exit', 'run empty', 'throw']) {
  test(`D20: the file is removed at an orderly exit: ${how}`, async (t) => {
    const pidFile = newPidFile(t)
    const { pid } = await start(t, { pidFile }, { how })
    await end(pid, 'SIGUSR2')
    assert.equal(fs.existsSync(pidFile), false)
    assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  })

  test(`D20: and so it is in the foreground: ${how}`, async (t) => {
    const pidFile = newPidFile(t)
    const { pid, ended } = await startForeground(t, { pidFile }, { how })
    process.kill(pid, 'SIGUSR2')
    await ended
    assert.equal(fs.existsSync(pidFile), false)
  })
}

test('D20: SIGTERM’s default action is no orderly exit: the file stays, and means nothing', async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  await end(pid, 'SIGTERM')
  await until(() => !daemonStatus(pidFile).running, 'the lock is free')
  assert.equal(read(pidFile), `${pid}\n`)
})

test('D20: a file that was replaced meanwhile is another daemon’s, and stays', async (t) => {
  const pidFile = newPidFile(t)
  const first = await start(t, { pidFile })
  fs.rmSync(pidFile)
  assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  const second = await start(t, { pidFile })
  await end(first.pid, 'SIGUSR2')
  assert.equal(read(pidFile), `${second.pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: second.pid })
})

test('D20: a file in the place of the daemon’s is left alone even where it has the daemon’s pid', async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  fs.rmSync(pidFile)
  fs.writeFileSync(pidFile, `${pid}\n`)
  await end(pid, 'SIGUSR2')
  assert.equal(read(pidFile), `${pid}\n`)
})

test('D20: a file that names another process by now is left alone', async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  fs.writeFileSync(pidFile, `${process.pid}\n`)
  await end(pid, 'SIGUSR2')
  assert.equal(read(pidFile), `${process.pid}\n`)
})

for (const [what, directoryMode] of [
  ['may not write to its directory', 0o755],
  ['may not even enter its directory', 0o700],
]) {
  for (const [where, begin] of [
    ['', start],
    [', in the foreground', startForeground],
  ]) {
    test(`D20: where the daemon’s user ${what}, the file is emptied${where}`, root, async (t) => {
      const directory = path.join(temporary(t), 'closed')
      fs.mkdirSync(directory, { mode: directoryMode })
      const pidFile = path.join(directory, 'daemon.pid')
      const { pid, log, ended } = await begin(t, { pidFile, user: 'nobody' })
      assert.equal(read(pidFile), `${pid}\n`)
      assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
      process.kill(pid, 'SIGUSR2')
      await ended
      await until(() => !daemonStatus(pidFile).running, 'it has ended')
      assert.equal(read(pidFile), '')
      // Nor was there anything to complain of.
      assert.equal(read(log).trim().split('\n').length, 1)
    })
  }
}

for (const [where, begin] of [
  ['', start],
  [', in the foreground', startForeground],
]) {
  test(`D20: by its file, a daemon runs until its last exit handler has${where}`, async (t) => {
    const pidFile = newPidFile(t)
    const { pid, log } = await begin(t, { pidFile }, { how: 'ask at the end' })
    process.kill(pid, 'SIGUSR2')
    await until(() => !fs.existsSync(pidFile) && read(log).trim().split('\n').length === 2)
    assert.deepEqual(JSON.parse(read(log).trim().split('\n')[1]), { running: true, pid })
  })
}

// ── In the foreground, and what the daemon has ──

test('D20: in the foreground the file is locked and written as well', python, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await startForeground(t, { pidFile })
  assert.equal(read(pidFile), `${pid}\n`)
  assert.equal(mode(pidFile), 0o600)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  assert.deepEqual(await locker(t).ask(pidFile), { kind: 'write', start: 0, length: 0, pid: -1 })
})

test('D19: daemonize() throws ERR_PROCNATIVE_ALREADY_RUNNING, on either side in the foreground or not', async (t) => {
  for (const begin of [start, startForeground]) {
    const pidFile = newPidFile(t)
    const { pid } = await begin(t, { pidFile })
    for (const foreground of [false, true]) {
      assert.deepEqual(await refusal(t, { pidFile, foreground }), { code: 'ERR_PROCNATIVE_ALREADY_RUNNING', pid })
    }
    assert.equal(read(pidFile), `${pid}\n`)
    assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  }
})

test('D20: a foreground start that fails later leaves no file, no lock and no descriptor', async (t) => {
  for (const [options, expected] of [
    [{ cwd: '/no such directory' }, 'ENOENT'],
    [{ keep: [0, 999] }, 'EBADF'],
  ]) {
    const pidFile = newPidFile(t)
    const args = [JSON.stringify({ pidFile, ...options })]
    const { stdout, stderr } = await runScript(fixture('foreground-failure.cjs'), args)
    assert.notEqual(stdout, '', stderr)
    const { code, before, after } = JSON.parse(stdout)
    assert.equal(code, expected)
    assert.deepEqual(after, before)
    assert.equal(fs.existsSync(pidFile), false)
  }
})

test('E3: a foreground start that is refused for its pid file changes nothing', async (t) => {
  const directory = temporary(t)
  const running = path.join(directory, 'running')
  const { pid } = await start(t, { pidFile: running })
  fs.symlinkSync(running, path.join(directory, 'link'))
  for (const [name, expected] of [
    ['running', 'ERR_PROCNATIVE_ALREADY_RUNNING'],
    ['link', 'ELOOP'],
    ['running/below', 'ENOTDIR'],
    ['missing/below', 'ENOENT'],
    ['.', 'EISDIR'],
  ]) {
    const options = JSON.stringify({ pidFile: path.join(directory, name), umask: 0 })
    const { stdout, stderr } = await runScript(fixture('foreground-failure.cjs'), [options])
    assert.notEqual(stdout, '', stderr)
    const { code, before, after } = JSON.parse(stdout)
    assert.equal(code, expected)
    assert.deepEqual(after, before)
  }
  assert.deepEqual(fs.readdirSync(directory).toSorted(), ['link', 'running'])
  assert.deepEqual(daemonStatus(running), { running: true, pid })
})

test('E1: what the system says of a pid file is worded as Node words it', async (t) => {
  const pidFile = newPidFile(t)
  fs.symlinkSync('nowhere', pidFile)
  const shape = ({ name, code, errno, syscall, path: named, message }) => [name, code, errno, syscall, named, message]
  const thrown = (call) => {
    try {
      call()
    } catch (error) {
      return error
    }
  }
  const expected = shape(thrown(() => fs.openSync(pidFile, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW)))
  assert.equal(expected[1], 'ELOOP')
  assert.deepEqual(shape(thrown(() => daemonStatus(pidFile))), expected)
  assert.deepEqual(shape(await stopDaemon(pidFile).catch((error) => error)), expected)
})

test('D20: daemon.pidFile is the absolute path, or null', async (t) => {
  const pidFile = newPidFile(t)
  const cwd = fs.realpathSync(path.dirname(pidFile))
  const absolute = path.join(cwd, 'daemon.pid')
  assert.equal((await start(t, { pidFile: 'daemon.pid', cwd: '/' }, { cwd })).pidFile, absolute)
  assert.equal(fs.existsSync(absolute), true)
  const other = path.join(cwd, 'other.pid')
  assert.equal((await startForeground(t, { pidFile: './other.pid' }, { cwd })).pidFile, other)
  assert.equal(fs.existsSync(other), true)
  assert.equal((await start(t, {})).pidFile, null)
  assert.equal((await startForeground(t, {})).pidFile, null)
})

test('D2: beside the standard ones, what it keeps and the runtime’s own, the daemon has one descriptor of its pid file', async (t) => {
  const pidFile = newPidFile(t)
  const kept = path.join(temporary(t), 'kept')
  const fd = fs.openSync(kept, 'a')
  t.after(() => fs.closeSync(fd))
  const { facts } = await launch(t, { pidFile, keep: [3] }, { stdio: ['ignore', 'pipe', 'pipe', fd] })
  const files = Object.values(facts.descriptors).filter((what) => [pidFile, kept].includes(what))
  assert.deepEqual(files.toSorted(), [pidFile, kept].toSorted())
  assert.equal(facts.descriptors[facts.daemon.kept[0]], kept)
})

// ── D21: daemonStatus() ──

test('D21: daemonStatus() tells what is so where nothing runs, and where a daemon does', async (t) => {
  const pidFile = newPidFile(t)
  assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  assert.equal(fs.existsSync(pidFile), false)
  // The number of a process that lives proves nothing.
  fs.writeFileSync(pidFile, `${process.pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
  const { pid } = await start(t, { pidFile })
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid })
  assert.deepEqual(await askElsewhere([], 'daemonStatus', pidFile), { value: { running: true, pid } })
  assert.deepEqual(daemonStatus(path.relative(process.cwd(), pidFile)), { running: true, pid })
  await killDaemon(pid, pidFile)
  assert.equal(read(pidFile), `${pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), NOT_RUNNING)
})

test('D21: while the first byte is locked, one is being started, and its pid is not known', python, async (t) => {
  const pidFile = newPidFile(t)
  const holder = locker(t)
  await holder.lock(pidFile, 'write', 0, 1)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: null })
  // It is of the daemon before, even where that number is the holder's.
  fs.writeFileSync(pidFile, `${holder.pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: null })
})

test(
  'D21: a start that is on its way is running, without a pid until the daemon has written that',
  strace,
  async (t) => {
    const pidFile = newPidFile(t)
    const log = path.join(temporary(t), 'log')
    const old = stranger(t)
    fs.writeFileSync(pidFile, `${old}\n`)
    const trace = path.join(temporary(t), 'trace')
    const node = [process.execPath, fixture('ending.cjs'), JSON.stringify({ pidFile, stdout: log })]
    // The daemon is held where it is about to write its pid.
    const delay = ['-e', 'trace=pwrite64', '-e', 'inject=pwrite64:delay_enter=1500000']
    const { ended } = run('strace', ['-f', '-qq', '-o', trace, ...delay, ...node])
    const { pid } = await until(() => {
      const status = daemonStatus(pidFile)
      return status.running && status
    })
    assert.equal(pid, null)
    assert.equal(read(pidFile), `${old}\n`)
    const daemon = await until(() => daemonStatus(pidFile).pid)
    t.after(async () => {
      await end(daemon)
      await ended
    })
    assert.equal(read(pidFile), `${daemon}\n`)
  },
)

test(
  'D21: a locked file that names somebody who has not got it open is running, and its pid not known',
  python,
  async (t) => {
    const pidFile = newPidFile(t)
    await locker(t).lock(pidFile, 'write')
    for (const content of [`${stranger(t)}\n`, '2147483647\n', '', 'garbage\n', '0\n', '-1\n']) {
      fs.writeFileSync(pidFile, content)
      assert.deepEqual(daemonStatus(pidFile), { running: true, pid: null }, JSON.stringify(content))
    }
  },
)

test('D21: a locked file that names who asks is running, and its pid not known', python, async (t) => {
  const pidFile = newPidFile(t)
  await locker(t).lock(pidFile, 'write')
  const answer = await askElsewhere(namedBy(pidFile), 'daemonStatus', pidFile)
  assert.deepEqual(answer, { value: { running: true, pid: null } })
})

test('D21: a locked file that names who holds it is running, with that pid', python, async (t) => {
  const pidFile = newPidFile(t)
  const holder = locker(t)
  await holder.lock(pidFile, 'write')
  fs.writeFileSync(pidFile, `${holder.pid}\n`)
  assert.deepEqual(daemonStatus(pidFile), { running: true, pid: holder.pid })
})

test('D21: daemonStatus() changes nothing: neither the file nor whose lock it is', python, async (t) => {
  const pidFile = newPidFile(t)
  fs.writeFileSync(pidFile, 'as it was', { mode: 0o644 })
  const holder = locker(t)
  await holder.watch(pidFile)
  for (let time = 0; time < 1000; time++) daemonStatus(pidFile)
  assert.deepEqual(await holder.seen(pidFile), [null])
  assert.equal(read(pidFile), 'as it was')
  assert.equal(mode(pidFile), 0o644)
})

test('D21: daemonStatus() of a file that may not be read throws EACCES', root, async (t) => {
  const pidFile = newPidFile(t)
  await start(t, { pidFile })
  const { message, ...error } = await askElsewhere(AS_NOBODY, 'daemonStatus', pidFile)
  assert.deepEqual(error, { code: 'EACCES', syscall: 'open', path: pidFile })
  assert.match(message, /^EACCES: permission denied, open/)
})

test('D21: who may not look at the daemon still sees that it runs, and its pid', root, async (t) => {
  const pidFile = newPidFile(t)
  const { pid } = await start(t, { pidFile })
  fs.chmodSync(pidFile, 0o644)
  assert.deepEqual(await askElsewhere(AS_NOBODY, 'daemonStatus', pidFile), { value: { running: true, pid } })
})
