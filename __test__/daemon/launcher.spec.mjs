// A daemon and its launcher: common death, and the view of outsiders.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { end, factsFrom, firstLine } from '../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { start } from '../helpers/pid-file.mjs'
import { isAlive } from '../helpers/proc.mjs'
import { fixture, root, run, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGKILL']) {
  test(`daemonize(): the daemon dies with its launcher, ${signal} before readiness`, { contract: 'D9' }, async (t) => {
    const log = path.join(temporary(t), 'log')
    const options = JSON.stringify({ stdout: log, ready: 'manual' })
    // The launcher has a handler in JavaScript, which cannot run while the launcher waits.
    const { child, ended } = run(process.execPath, [
      '-r',
      fixture('daemon/handle-signals.cjs'),
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

test('daemonize(): the daemon dies with its launcher, daemonize() not reached', { contract: 'D9' }, async (t) => {
  const log = path.join(temporary(t), 'log')
  const { child, ended } = run(process.execPath, [fixture('daemon/delay-daemonize.cjs'), log])
  const { pid } = await until(() => fs.existsSync(log) && firstLine(log))
  child.kill('SIGKILL')
  await ended
  await until(() => !isAlive(pid), 'the daemon is gone')
})

test('daemonize(): ends the daemon, launcher gone, death signal undone', { contract: 'D9' }, async (t) => {
  const [log, go] = ['log', 'go'].map((name) => path.join(temporary(t), name))
  const { child, ended } = run(process.execPath, [fixture('daemon/delay-daemonize.cjs'), log, go])
  const { pid } = await until(() => fs.existsSync(log) && firstLine(log))
  child.kill('SIGKILL')
  await ended
  assert.equal(isAlive(pid), true)
  fs.writeFileSync(go, '')
  await until(() => !isAlive(pid), 'the daemon is gone')
})

const capabilities = isRoot && hasProgram('setcap')
test('daemonize(): the daemon dies with its launcher, node with a capability', {
  contract: 'D9',
  ...needs('setcap', capabilities),
}, async (t) => {
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
})

test('Daemon ready(): ends the daemon, launcher gone', { contract: 'D9' }, async (t) => {
  const directory = temporary(t)
  const { child, ended } = run(process.execPath, [fixture('daemon/ready-without-launcher.cjs'), directory])
  const { pid } = await until(
    () => fs.existsSync(path.join(directory, 'log')) && firstLine(path.join(directory, 'log')),
  )
  child.kill('SIGKILL')
  await ended
  // The daemon has cleared its death signal and so it still lives. The file tells it to call ready().
  assert.equal(isAlive(pid), true)
  fs.writeFileSync(path.join(directory, 'go'), '')
  await until(() => !isAlive(pid), 'the daemon is gone')
})

test('daemonize(): the daemon outlives its launcher, once ready', { contract: 'D9' }, async (t) => {
  const pidFile = path.join(temporary(t), 'pid')
  const { pid } = await start(t, { pidFile })
  // A SIGKILL of the launcher would come before this signal. A daemon that gets SIGUSR2 removes its file.
  await end(pid, 'SIGUSR2')
  assert.equal(fs.existsSync(pidFile), false)
})

test('daemonize(): clears the death signal before it reports readiness', {
  contract: 'D9',
  ...needs('strace', hasProgram('strace')),
}, async (t) => {
  const [log, trace] = ['log', 'trace'].map((name) => path.join(temporary(t), name))
  const node = [process.execPath, fixture('daemon.cjs'), JSON.stringify({ stdout: log }), 'end']
  const { code, stderr } = await run('strace', ['-f', '-qq', '-o', trace, '-e', 'trace=prctl,sendto', ...node]).ended
  assert.equal(code, 0, stderr)
  const { pid } = firstLine(log)
  const lines = fs.readFileSync(trace, 'utf8').split('\n')
  const own = lines.filter((line) => line.startsWith(`${pid} `)).join('\n')
  assert.match(own, /PR_SET_PDEATHSIG, SIGKILL\).*\n.*PR_SET_PDEATHSIG, 0\) += 0\n.*sendto\(\d+, "R", 1, /)
})

test('daemonize(): $(launcher | cat) returns at readiness', { contract: 'D12' }, async (t) => {
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

test('daemonize(): the daemon writes to the launcher’s output, "inherit"', { contract: 'D12' }, async (t) => {
  const { child, ended } = run(process.execPath, [fixture('daemon.cjs'), '{"stdout":"inherit"}'])
  const line = await new Promise((resolve) => child.stdout.once('data', resolve))
  const { pid } = JSON.parse(line)
  t.after(() => ended)
  t.after(() => end(pid))
  // The launcher itself writes nothing.
  assert.notEqual(pid, child.pid)
})

test('daemonize(): hides the link to the launcher from the daemon’s children', { contract: 'D12' }, async (t) => {
  const directory = temporary(t)
  const { code, stderr } = await runScript(fixture('daemon/check-link-in-child.cjs'), [directory])
  assert.equal(code, 0, stderr)
  const { facts, more } = factsFrom(t, path.join(directory, 'log'))
  assert.match(facts.descriptors[3], /^socket:/)
  assert.equal(more[0], 'closed')
  assert.doesNotMatch(more.join('\n'), /PROCNATIVE_DAEMON/)
})

// node:net takes longer to load than all modules of procnative. console.log() to a pipe would load it, too.
for (const call of ["daemonize({ cwd: '/nowhere', keep: [0] })", "spawn('/nowhere', [], { stdio: [0, 1, 2] })"]) {
  test(`${call.slice(0, call.indexOf('('))}(): does not load node:net for descriptors`, async () => {
    const script = `
      const procnative = require(process.argv[1])
      let code
      try {
        procnative.${call}
      } catch (error) {
        code = error.code
      }
      const isLoaded = process.moduleLoadList.includes('NativeModule net')
      require('node:fs').writeSync(1, JSON.stringify({ code, isLoaded }))`
    const { stdout } = await runScript('-e', [script, root])
    assert.deepEqual(JSON.parse(stdout), { code: 'ENOENT', isLoaded: false })
  })
}
