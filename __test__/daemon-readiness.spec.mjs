// D6–D10, D12, D13: when the launcher ends, and how.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { end, factsFrom, launch } from './helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from './helpers/harness.mjs'
import { isAlive, stat } from './helpers/proc.mjs'
import { fixture, run, runScript } from './helpers/run.mjs'
import { until } from './helpers/until.mjs'

/** Launches a daemon whose start fails; returns the error that daemonize() threw in the launcher. */
async function failure(context, options, behaviour, more = {}) {
  const log = path.join(temporary(context), 'log')
  const settings = JSON.stringify({ stdout: log, ...options })
  const { code, stdout, stderr } = await runScript(fixture('catcher.cjs'), [settings, behaviour], more)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

test('D6: the launcher ends by _exit(0), without running its exit handlers', async (t) => {
  const marks = path.join(temporary(t), 'marks')
  const { code, facts } = await launch(
    t,
    {},
    { execArgv: ['-r', fixture('mark-exit.cjs')], env: { ...process.env, MARKS: marks } },
  )
  assert.equal(code, 0)
  await end(facts.pid, 'SIGTERM')
  assert.equal(fs.existsSync(marks), false)
})

test('D6: the launcher ends only after the rest of the main script went by', async (t) => {
  const error = await failure(t, {}, 'throw')
  assert.equal(error.code, 'ERR_PROCNATIVE_DAEMON_EXITED')
})

test('D6: an error in the first turn of the loop is still in time', async (t) => {
  const error = await failure(t, {}, 'throw in a callback')
  assert.equal(error.cause.message, 'thrown at the start')
})

test('D6: an error that the daemon catches itself is none', async (t) => {
  const { code, facts } = await launch(t, {}, { behaviour: 'catch it all' })
  assert.equal(code, 0)
  assert.equal(isAlive(facts.pid), true)
})

test('D6: with ready: "manual" the launcher ends when ready() is called', async (t) => {
  const { code, facts } = await launch(t, { ready: 'manual' }, { behaviour: 'ready by hand' })
  assert.equal(code, 0)
  assert.equal(isAlive(facts.pid), true)
})

test('D6: a daemon that has done its work and ended before the launcher looked was ready', async (t) => {
  const { code, facts } = await launch(t, {}, { behaviour: 'end' })
  assert.equal(code, 0)
  await until(() => !isAlive(facts.pid))
})

for (const behaviour of ['throw', 'reject']) {
  test(`D7: after ${behaviour} at the start, the daemon’s own error is the cause, and what it wrote is in the message`, async (t) => {
    const error = await failure(t, { stdout: 'ignore' }, behaviour)
    assert.equal(error.code, 'ERR_PROCNATIVE_DAEMON_EXITED')
    assert.equal(error.exitCode, 1)
    assert.equal(error.signal, null)
    assert.match(error.cause.message, /(thrown|rejected) at the start/)
    assert.match(error.cause.stack, /daemon\.cjs/)
    assert.match(error.stderr, /at the start/)
    assert.equal(error.message.includes(error.stderr.trimEnd()), true)
  })
}

test('D7: the cause has the name and the code of the error', async (t) => {
  const { cause } = await failure(t, {}, 'throw')
  assert.equal(cause.name, 'RangeError')
  assert.equal(cause.code, 'E_MINE')
})

test('D7: what is thrown need not be an error', async (t) => {
  const { cause } = await failure(t, {}, 'throw text')
  assert.match(cause.message, /only text/)
})

test('D7: an error of any length and kind is told, and what can be told of it comes out', async (t) => {
  const { code, exitCode, cause } = await failure(t, {}, 'throw at length')
  assert.equal(code, 'ERR_PROCNATIVE_DAEMON_EXITED')
  assert.equal(exitCode, 1)
  assert.match(cause.message, /^x{1000,}$/)
  assert.equal(cause.code, undefined)
})

test('D7: what a daemon has started goes with it when its start fails', async (t) => {
  const { code } = await failure(t, {}, 'start a child and throw')
  assert.equal(code, 'ERR_PROCNATIVE_DAEMON_EXITED')
})

test('D6: a daemon that is ready and ends at once was ready, 50 of 50 times', async (t) => {
  for (let round = 0; round < 50; round++) {
    const { code, stderr, facts } = await launch(t, { ready: 'manual' }, { behaviour: 'be ready and end at once' })
    assert.equal(code, 0, stderr)
    await until(() => !isAlive(facts.pid))
  }
})

test('D7: a syntax error in a lazily loaded file', async (t) => {
  const { cause, exitCode } = await failure(t, {}, 'require a broken file')
  assert.equal(cause.name, 'SyntaxError')
  assert.match(cause.stack, /not-javascript\.txt/)
  assert.equal(exitCode, 1)
})

test('D7: a failing top-level await, however late', async (t) => {
  const log = path.join(temporary(t), 'log')
  const { code, stderr } = await runScript(fixture('top-level-await.mjs'), [log, 'fail'])
  assert.equal(code, 1)
  assert.match(stderr, /ERR_PROCNATIVE_DAEMON_EXITED/)
  assert.match(stderr, /\[cause\]: Error: too late/)
})

test('D7: a top-level await is part of the main script: readiness comes after it', async (t) => {
  const log = path.join(temporary(t), 'log')
  const { code, stderr } = await runScript(fixture('top-level-await.mjs'), [log, 'succeed'])
  assert.equal(code, 0, stderr)
  const { more } = factsFrom(t, log)
  assert.deepEqual(more, ['awaited'])
})

test('D7: exit(7) is exitCode 7', async (t) => {
  const { code, exitCode, signal } = await failure(t, {}, 'exit')
  assert.deepEqual({ code, exitCode, signal }, { code: 'ERR_PROCNATIVE_DAEMON_EXITED', exitCode: 7, signal: null })
})

test('D7: exit(0) before readiness says that ready() was never called', async (t) => {
  const { exitCode, message } = await failure(t, {}, 'exit 0')
  assert.equal(exitCode, 0)
  assert.match(message, /ready\(\) was never called/)
})

test('D7: a loop that ran empty says that ready() was never called', async (t) => {
  const { exitCode, message } = await failure(t, { ready: 'manual' }, 'end')
  assert.equal(exitCode, 0)
  assert.match(message, /ready\(\) was never called/)
})

for (const [behaviour, signal] of [
  ['be killed', 'SIGKILL'],
  ['segfault', 'SIGSEGV'],
  ['abort', 'SIGABRT'],
]) {
  test(`D7: to ${behaviour} is signal ${signal}`, async (t) => {
    const error = await failure(t, {}, behaviour)
    assert.equal(error.code, 'ERR_PROCNATIVE_DAEMON_EXITED')
    assert.equal(error.signal, signal)
    assert.equal(error.exitCode, null)
  })
}

test('D7: out of memory is told by what V8 wrote', async (t) => {
  const error = await failure(t, { stdout: 'ignore' }, 'run out of memory', { execArgv: ['--max-old-space-size=32'] })
  assert.match(error.stderr, /heap out of memory/)
  assert.equal(error.signal, 'SIGABRT')
})

test('D7: stderr is the last 64 KiB', async (t) => {
  const { stderr } = await failure(t, { stdout: 'ignore' }, 'write much')
  assert.equal(stderr.length, 65536)
  assert.equal(stderr.endsWith('xthe last words'), true)
})

test('D7: with a file, stderr is the tail of what this start wrote', async (t) => {
  const log = path.join(temporary(t), 'old log')
  fs.writeFileSync(log, 'of long ago\n')
  const { stderr } = await failure(t, { stderr: log }, 'throw')
  assert.doesNotMatch(stderr, /of long ago/)
  assert.match(stderr, /thrown at the start/)
})

test('D7: after readiness, stderr is /dev/null with "ignore"', async (t) => {
  const { facts } = await launch(t, { stderr: 'ignore' })
  assert.match(facts.descriptors[2], /memfd:/)
  assert.equal(fs.readlinkSync(`/proc/${facts.pid}/fd/2`), '/dev/null')
})

test('D8: past readyTimeout, the daemon and its process group are killed and reaped', async (t) => {
  const directory = temporary(t)
  const { stdout, code, stderr } = await runScript(fixture('late.cjs'), [directory])
  assert.equal(code, 0, stderr)
  const error = JSON.parse(stdout)
  assert.equal(error.code, 'ERR_PROCNATIVE_DAEMON_TIMEOUT')
  assert.equal(error.zombies, 0)
  const [daemon, child] = fs.readFileSync(path.join(directory, 'pids'), 'utf8').split(' ').map(Number)
  await until(() => !isAlive(daemon) && !isAlive(child))
})

test('D8: a daemon that has left its process group is killed all the same', async (t) => {
  const options = { ready: 'manual', readyTimeout: 1000 }
  const { code, leftChildren } = await failure(t, options, 'lead a session and never be ready')
  assert.equal(code, 'ERR_PROCNATIVE_DAEMON_TIMEOUT')
  assert.equal(leftChildren, 0)
})

test(
  'D8: one that the launcher may not signal is not waited for, and the message says so',
  needs('root', isRoot),
  async (t) => {
    const log = path.join(temporary(t), 'log')
    const options = JSON.stringify({ stdout: log, ready: 'manual', readyTimeout: 1000, user: 'nobody' })
    const withoutKill = ['--bounding-set=-kill', process.execPath, fixture('catcher.cjs'), options, 'never be ready']
    const { stdout, stderr } = await run('setpriv', withoutKill).ended
    await end(firstLine(log).pid)
    const { code, message } = JSON.parse(stdout || stderr)
    assert.equal(code, 'ERR_PROCNATIVE_DAEMON_TIMEOUT')
    assert.match(message, /may not be killed/)
  },
)

test('D8: there is no time-out while a debugger is waited for', async (t) => {
  const log = path.join(temporary(t), 'log')
  const { child, ended } = run(process.execPath, [fixture('debugged.cjs'), log])
  // It takes more than the millisecond that it has to get so far.
  await until(() => fs.existsSync(log) && fs.readFileSync(log, 'utf8').includes('Debugger listening'))
  assert.equal(isAlive(child.pid), true)
  child.kill('SIGKILL')
  await ended
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGKILL']) {
  test(`D9: a launcher that dies of ${signal} before readiness takes the daemon with it`, async (t) => {
    const log = path.join(temporary(t), 'log')
    const options = JSON.stringify({ stdout: log, ready: 'manual' })
    // With a handler in JavaScript, which can't run while the launcher waits.
    const { child, ended } = run(process.execPath, [
      '-r',
      fixture('handle-signals.cjs'),
      fixture('daemon.cjs'),
      options,
      'never be ready',
    ])
    const { pid } = await until(() => fs.existsSync(log) && firstLine(log))
    child.kill(signal)
    const result = await ended
    assert.equal(result.signal, signal)
    await until(() => !isAlive(pid), 'the daemon is gone')
  })
}

test('D9: a launcher that dies before the daemon has called daemonize() takes it with it', async (t) => {
  const log = path.join(temporary(t), 'log')
  const { child, ended } = run(process.execPath, [fixture('hesitant.cjs'), log])
  const { pid } = await until(() => fs.existsSync(log) && firstLine(log))
  child.kill('SIGKILL')
  await ended
  await until(() => !isAlive(pid), 'the daemon is gone')
})

const capabilities = isRoot && hasProgram('setcap')
test(
  'D9: and so where node has a capability, which undoes the death signal',
  needs('setcap', capabilities),
  async (t) => {
    const directory = temporary(t)
    const node = path.join(directory, 'node')
    fs.copyFileSync(process.execPath, node)
    await run('setcap', ['cap_net_bind_service+ep', node]).ended
    const log = path.join(directory, 'log')
    const options = JSON.stringify({ stdout: log, ready: 'manual' })
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', node]
    const { child, ended } = run('setpriv', [...nobody, fixture('daemon.cjs'), options, 'never be ready'])
    const { pid } = await until(() => fs.existsSync(log) && firstLine(log))
    child.kill('SIGKILL')
    await ended
    await until(() => !isAlive(pid), 'the daemon is gone')
  },
)

test('D9: ready() with the launcher gone ends the daemon', async (t) => {
  const directory = temporary(t)
  const { child, ended } = run(process.execPath, [fixture('orphaned.cjs'), directory])
  const { pid } = await until(
    () => fs.existsSync(path.join(directory, 'log')) && firstLine(path.join(directory, 'log')),
  )
  child.kill('SIGKILL')
  await ended
  // It has cleared its death signal, so it is still there; now it is told to be ready.
  assert.equal(isAlive(pid), true)
  fs.writeFileSync(path.join(directory, 'go'), '')
  await until(() => !isAlive(pid), 'the daemon is gone')
})

test('D9: a daemon outlives the launcher from readiness on', async (t) => {
  const { facts } = await launch(t)
  assert.equal(isAlive(facts.pid), true)
  const death = await runScript(fixture('death-signal.cjs'), [facts.pid])
  assert.equal(death.code, 0, death.stderr)
})

for (const [what, options, pattern] of [
  [
    'opening a log',
    { stdout: '/no such directory/log' },
    { code: 'ENOENT', syscall: 'open', path: '/no such directory/log' },
  ],
  ['chdir', { cwd: '/no such directory' }, { code: 'ENOENT', syscall: 'chdir', path: '/no such directory' }],
  ['chdir to a file', { cwd: '/etc/passwd' }, { code: 'ENOTDIR', syscall: 'chdir', path: '/etc/passwd' }],
  ['a closed descriptor', { stdout: 999 }, { code: 'EBADF', syscall: 'fcntl' }],
  ['keeping a closed descriptor', { keep: [999] }, { code: 'EBADF', syscall: 'fcntl' }],
]) {
  test(`D10: a failed step throws the system error: ${what}`, async (t) => {
    const error = await failure(t, options, 'stay')
    for (const [key, value] of Object.entries(pattern)) assert.equal(error[key], value)
    assert.equal(error.leftChildren, 0)
  })
}

test('D10: a start that failed before the daemon ran leaves no new log, and an old one as it was', async (t) => {
  const directory = temporary(t)
  const [fresh, old] = ['new', 'old'].map((name) => path.join(directory, name))
  fs.writeFileSync(old, 'kept')
  await failure(t, { stdout: fresh, stderr: old, cwd: '/no such directory' }, 'stay')
  assert.equal(fs.existsSync(fresh), false)
  assert.equal(fs.readFileSync(old, 'utf8'), 'kept')
})

test('D10: a log is created with the umask of the daemon, not with the launcher’s', async (t) => {
  const umask = ['-c', 'umask 077 && exec "$0" "$@"', process.execPath]
  const { log } = await launch(t, { umask: 0o027 }, { node: 'bash', execArgv: umask })
  assert.equal(fs.statSync(log).mode & 0o777, 0o640)
})

test('D10: a program that the new user may not run is EACCES, execve', needs('root', isRoot), async (t) => {
  const directory = path.join(temporary(t), 'closed')
  fs.mkdirSync(directory, { mode: 0o700 })
  const node = path.join(directory, 'node')
  fs.copyFileSync(process.execPath, node)
  const { stdout, stderr } = await run(node, [fixture('catcher.cjs'), '{"user":"nobody"}', 'stay']).ended
  assert.notEqual(stdout, '', stderr)
  const { code, syscall, path: named, leftChildren } = JSON.parse(stdout)
  assert.deepEqual(
    { code, syscall, named, leftChildren },
    { code: 'EACCES', syscall: 'execve', named: node, leftChildren: 0 },
  )
})

test('D10: a directory that the new user may not enter is EACCES, chdir', needs('root', isRoot), async (t) => {
  const cwd = path.join(temporary(t), 'closed')
  fs.mkdirSync(cwd, { mode: 0o700 })
  const { code, syscall, path: named } = await failure(t, { cwd, user: 'nobody' }, 'stay')
  assert.deepEqual({ code, syscall, named }, { code: 'EACCES', syscall: 'chdir', named: cwd })
})

test(
  'D10: a FIFO that nobody reads is ENXIO, not a wait for ever',
  needs('mkfifo', hasProgram('mkfifo')),
  async (t) => {
    const fifo = path.join(temporary(t), 'fifo')
    await run('mkfifo', [fifo]).ended
    const { code, syscall } = await failure(t, { stdout: fifo }, 'stay')
    assert.deepEqual({ code, syscall }, { code: 'ENXIO', syscall: 'open' })
  },
)

test('D12: $(launcher | cat) returns at readiness', async (t) => {
  const log = path.join(temporary(t), 'log')
  const script = `out=$("$0" "$1" "$2" stay 2>&1 | cat); echo "returned: $out"`
  const { stdout } = await run('bash', [
    '-c',
    script,
    process.execPath,
    fixture('daemon.cjs'),
    JSON.stringify({ stdout: log }),
  ]).ended
  assert.equal(stdout, 'returned: \n')
  assert.equal(isAlive(factsFrom(t, log).facts.pid), true)
})

test('D12: with "inherit", what the daemon writes is read where the launcher’s output is', async (t) => {
  const { child, ended } = run(process.execPath, [fixture('daemon.cjs'), '{"stdout":"inherit"}'])
  const line = await new Promise((resolve) => child.stdout.once('data', resolve))
  const { pid } = JSON.parse(line)
  t.after(() => ended)
  t.after(() => end(pid))
  assert.equal(stat(pid).ppid === child.pid || isAlive(pid), true)
})

test('D12: the link to the launcher never reaches the daemon’s own children', async (t) => {
  const directory = temporary(t)
  const { code, stderr } = await runScript(fixture('with-child.cjs'), [directory])
  assert.equal(code, 0, stderr)
  const { facts, more } = factsFrom(t, path.join(directory, 'log'))
  assert.match(facts.descriptors[3], /^socket:/)
  assert.equal(more[0], 'closed')
  assert.doesNotMatch(more.join('\n'), /PROCNATIVE_DAEMON/)
})

test('D13: where NOTIFY_SOCKET is set, the launcher sends MAINPID, READY=1 and BARRIER=1 before it ends', async (t) => {
  const log = path.join(temporary(t), 'log')
  const node = [process.execPath, fixture('daemon.cjs'), JSON.stringify({ stdout: log }), 'stay']
  const { stdout, stderr, code } = await run('python3', [fixture('service-manager.py'), ...node]).ended
  assert.equal(code, 0, stderr)
  const { facts } = factsFrom(t, log)
  const { launcher, exit, messages } = JSON.parse(stdout)
  assert.equal(exit, 0)
  assert.deepEqual(
    messages.map(({ text, sender, descriptors }) => ({ text, fromLauncher: sender === launcher, descriptors })),
    [
      { text: `MAINPID=${facts.pid}\nREADY=1`, fromLauncher: true, descriptors: 0 },
      { text: 'BARRIER=1', fromLauncher: true, descriptors: 1 },
    ],
  )
  assert.equal(
    messages.every(({ launcherAlive }) => launcherAlive),
    true,
  )
})

test('D13: a service manager that is gone does not make a daemon fail', async (t) => {
  const { code, stderr } = await launch(t, {}, { env: { ...process.env, NOTIFY_SOCKET: '/no such socket' } })
  assert.equal(code, 0)
  assert.match(stderr, /service manager could not be told: ENOENT/)
})

test(
  'D13: foreground: true does cwd, umask, user and notify, and neither forks, redirects nor closes anything',
  needs('root', isRoot),
  async (t) => {
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
  },
)

test(
  'D13: in the foreground, too, the way back to root is refused, and a refusal changes nothing',
  needs('root', isRoot),
  async () => {
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
    const withCapability = [...nobody, '--inh-caps=+setuid,+setgid', '--ambient-caps=+setuid,+setgid']
    const withoutSetuid = ['--bounding-set=-setuid', '--inh-caps=-setuid']
    for (const privileges of [withCapability, withoutSetuid]) {
      const program = [process.execPath, fixture('foreground-failure.cjs'), '{"user":"daemon"}']
      const { stdout, stderr } = await run('setpriv', [...privileges, ...program]).ended
      assert.notEqual(stdout, '', stderr)
      const { code, syscall, before, after } = JSON.parse(stdout)
      assert.deepEqual({ code, syscall }, { code: 'EPERM', syscall: 'setuid' })
      assert.deepEqual(after, before)
    }
  },
)

test('D13: in the foreground, the user that one is already needs no privilege', needs('root', isRoot), async () => {
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, fixture('daemon.cjs')]
  const { code, stderr } = await run('setpriv', [...nobody, '{"foreground":true,"user":65534}', 'end']).ended
  assert.equal(code, 0, stderr)
})

test('D13: a foreground start that fails changes nothing', async () => {
  for (const [options, expected] of [
    [{ cwd: '/no such directory', umask: 0 }, 'ENOENT'],
    [{ keep: [0, 999], umask: 0 }, 'EBADF'],
  ]) {
    const { stdout, stderr } = await runScript(fixture('foreground-failure.cjs'), [JSON.stringify(options)])
    assert.notEqual(stdout, '', stderr)
    const { code, before, after } = JSON.parse(stdout)
    assert.equal(code, expected)
    assert.deepEqual(after, before)
  }
})

const firstLine = (file) => {
  const [line, rest] = fs.readFileSync(file, 'utf8').split('\n')
  return rest === undefined ? undefined : JSON.parse(line)
}
