// Variables in the environment with hostile values: markers, LISTEN_FDS and NOTIFY_SOCKET.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { launch } from '../helpers/daemon.mjs'
import { hasProgram, needs, temporary, test } from '../helpers/harness.mjs'
import { read } from '../helpers/pid-file.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { PYTHON } from '../helpers/spawned.mjs'

/** Runs a script with variables; OWN in a value becomes the pid of the script. Returns its reports. */
async function withVariables(variables, script, args, { before = ':', ...options } = {}) {
  const settings = Object.entries(variables).map(
    ([name, value]) => `export ${name}="${value.replaceAll('OWN', () => '$$')}"`,
  )
  const command = [...settings, before, 'exec "$@"'].join('; ')
  const program = ['sh', process.execPath, fixture(script), ...args]
  const { stdout, stderr } = await run('sh', ['-c', command, ...program], options).ended
  assert.notEqual(stdout, '', stderr)
  return reports(stdout)
}

for (const marker of [
  '',
  'garbage',
  '3',
  '3:1',
  '-1:1',
  '2147483648:1',
  '4294967299:1',
  '1e309:1',
  '3.5:1',
  '0:1',
  ':',
  '3:1e309',
]) {
  test(`daemonize(): throws ERR_PROCNATIVE_LINK_LOST, marker '${marker}'`, { contract: 'D17' }, async () => {
    const fields = `${marker}::`.split(':').slice(0, 2)
    const variables = { PROCNATIVE_DAEMON: [...fields, 'OWN'].join(':') }
    assert.deepEqual(await withVariables(variables, 'daemon/report-start.cjs', ['{}']), [
      { code: 'ERR_PROCNATIVE_LINK_LOST' },
    ])
  })
}

test('daemonize(): throws ERR_PROCNATIVE_LINK_LOST, reads nothing, marker of another socket', {
  contract: 'D17',
}, async () => {
  const script = `
import os, socket, sys
one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
os.dup2(one.fileno(), 20)
other.send(b'{}')
os.environ['PROCNATIVE_DAEMON'] = f'20:{os.fstat(20).st_ino + 1}:{os.getpid()}'
if os.fork(): os.execvp(sys.argv[1], sys.argv[1:])
os.close(20); one.close()
other.settimeout(15)
try: other.recv(1)
except ConnectionResetError: print('{"unread": true}')
`
  const args = ['-c', script, process.execPath, fixture('daemon/report-start.cjs'), '{}']
  const { stdout, stderr } = await run(PYTHON, args).ended
  const told = reports(stdout).toSorted((one, other) => ('code' in other) - ('code' in one))
  assert.deepEqual(told, [{ code: 'ERR_PROCNATIVE_LINK_LOST' }, { unread: true }], stderr)
})

for (const [what, descriptor] of [
  ['another file’s', '9'],
  ['no', '8'],
  ['an impossible', '4294967305'],
]) {
  test(`daemonize(): writes to nothing else, pid file marker with ${what} descriptor`, {
    contract: 'D25',
  }, async (t) => {
    const cwd = temporary(t)
    const precious = path.join(cwd, 'precious')
    const pidFile = path.join(cwd, 'pid')
    fs.writeFileSync(precious, 'precious')
    fs.writeFileSync(pidFile, '')
    const variables = { PROCNATIVE_PID_FILE: `${descriptor}:${fs.statSync(pidFile).ino}:OWN` }
    const options = JSON.stringify({ pidFile, foreground: true })
    const [told] = await withVariables(variables, 'daemon/report-start.cjs', [options], {
      before: `exec 9<>${precious}`,
    })
    assert.equal(read(precious), 'precious')
    assert.equal(told.found, `${told.pid}\n`)
  })
}

for (const count of ['5000', '999999999', '9999999999999999999999']) {
  test(`listenFds(): throws EBADF, LISTEN_FDS=${count}`, { contract: 'D24' }, async () => {
    const variables = { LISTEN_PID: 'OWN', LISTEN_FDS: count }
    const [told] = await withVariables(variables, 'daemon/report-start.cjs', [JSON.stringify({ foreground: true })])
    assert.equal(told.listenFds, 'EBADF')
  })
}

for (const [what, address] of [
  ['a path that is too long', `/${'x'.repeat(200)}`],
  ['a name that is too long', `@${'x'.repeat(200)}`],
  ['no name', '@'],
  ['a directory', '/'],
  ['a device', '/dev/null'],
  ['an address of another kind', 'vsock:2:1234'],
]) {
  test(`daemonize(): starts and warns, NOTIFY_SOCKET is ${what}`, { contract: 'D13' }, async (t) => {
    const { code, stderr } = await launch(t, {}, { env: { ...process.env, NOTIFY_SOCKET: address } })
    assert.equal(code, 0)
    assert.match(stderr, /^procnative: the service manager does not know that the daemon is ready: .+\n$/)
  })
}

test('daemonize(): starts and warns, NOTIFY_SOCKET never read', {
  contract: 'D13',
  ...needs('python3', hasProgram('python3')),
}, async (t) => {
  const at = path.join(temporary(t), 'socket')
  const script = `
import signal, socket, sys
one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
one.bind(sys.argv[1])
print('{}', flush=True)
signal.pause()
`
  const { child, ended } = run(PYTHON, ['-c', script, at], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => {
    child.kill('SIGKILL')
    return ended
  })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  const { code, stderr } = await launch(t, {}, { env: { ...process.env, NOTIFY_SOCKET: at } })
  assert.equal(code, 0)
  assert.match(stderr, /no process listens at NOTIFY_SOCKET, or none has read the message in time/)
})
