// listenUnix(): listening Unix sockets, at paths and abstract names.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { listenUnix } from '../../index.js'
import { hasProgram, needs, temporary, test } from '../helpers/harness.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { fixture, library, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const modeOf = (file) => fs.statSync(file).mode & 0o7777
const talk = async (file) => (await run('python3', [fixture('print-received.py'), file]).ended).stdout

/** Starts a server on the handle, which answers each connection with `answer`. */
async function serve(context, handle, answer) {
  const server = net.createServer((socket) => socket.end(answer)).listen({ fd: handle.take() })
  context.after(() => server.close())
  await until(() => server.listening)
  return server
}

/** Starts a program, and waits for its first output. */
async function start(program, args) {
  const { child, ended } = run(program, args)
  const said = await new Promise((resolve) => child.stdout.once('data', resolve))
  const end = async () => {
    child.kill('SIGKILL')
    await ended
  }
  return { said: said.trim(), end }
}

const listener = (file) => start(process.execPath, [fixture('socket/listen.cjs'), file])

/** Leaves the socket of a killed process at a path. */
async function deadSocket(file) {
  const { said, end } = await listener(file)
  assert.equal(said, 'listening')
  await end()
}

test('listenUnix(): returns a handle that a server can listen on', { contract: 'H9' }, async (t) => {
  const file = path.join(temporary(t), 'socket')
  await serve(t, listenUnix(file), 'served')
  assert.equal(await talk(file), 'served')
})

for (const [mode, umask] of [
  [0o666, 0o077],
  [0o600, 0],
  [0o777, 0o777],
  [0o020, 0o022],
]) {
  test(`listenUnix(): gives the file mode 0${mode.toString(8)}, umask 0${umask.toString(8)}`, {
    contract: 'H9',
  }, (t) => {
    const file = path.join(temporary(t), 'socket')
    const before = process.umask(umask)
    t.after(() => process.umask(before))
    const handle = listenUnix(file, { mode })
    t.after(() => handle.close())
    assert.equal(process.umask(), umask)
    assert.equal(modeOf(file), mode)
  })
}

test('listenUnix(): gives the file mode 0600 by default', { contract: 'H9' }, (t) => {
  const file = path.join(temporary(t), 'socket')
  const handle = listenUnix(file)
  t.after(() => handle.close())
  assert.equal(modeOf(file), 0o600)
})

test('listenUnix(): gives the file its mode before bind', {
  contract: 'H9',
  ...needs('strace', hasProgram('strace')),
}, async (t) => {
  const directory = temporary(t)
  const trace = path.join(directory, 'trace')
  const script = `require(${JSON.stringify(library)}).listenUnix('socket', { mode: 0o640 }).close()`
  const traced = ['-f', '-o', trace, '-e', 'trace=bind,listen,chmod,fchmod,fchmodat,umask']
  const program = [process.execPath, '-e', script]
  const { code, stderr } = await run('strace', [...traced, ...program], { cwd: directory }).ended
  assert.equal(code, 0, stderr)
  const calls = fs
    .readFileSync(trace, 'utf8')
    .split('\n')
    .map((line) => line.match(/^\d+ +(?:<\.\.\. )?(\w+)[( ].*= 0/)?.[1] ?? line.match(/^\d+ +(umask)\(/)?.[1])
    .filter(Boolean)
  assert.deepEqual(calls.slice(calls.indexOf('fchmod')), ['fchmod', 'umask', 'bind', 'listen'])
})

test('listenUnix(): replaces a dead socket', { contract: 'H9' }, async (t) => {
  const file = path.join(temporary(t), 'socket')
  await deadSocket(file)
  await serve(t, listenUnix(file), 'the new one')
  assert.equal(await talk(file), 'the new one')
})

test('listenUnix(): never replaces a live socket', { contract: 'H9' }, async (t) => {
  const file = path.join(temporary(t), 'socket')
  await serve(t, listenUnix(file), 'the old one')
  assert.throws(() => listenUnix(file), { code: 'EADDRINUSE', syscall: 'bind', path: file })
  assert.equal(await talk(file), 'the old one')
})

test('listenUnix(): never replaces a live socket with a full queue', { contract: 'H9' }, async (t) => {
  const file = path.join(temporary(t), 'socket')
  const handle = listenUnix(file, { backlog: 1 })
  t.after(() => handle.close())
  // Two connections fill a queue of one, and wait until the socket closes.
  const waiting = [net.connect(file), net.connect(file)]
  t.after(() => waiting.map((socket) => socket.destroy()))
  assert.throws(() => listenUnix(file), { code: 'EADDRINUSE' })
})

test('listenUnix(): never replaces a file, a directory or a symbolic link', { contract: 'H9' }, (t) => {
  const directory = temporary(t)
  const [file, inner, link] = ['file', 'inner', 'link'].map((name) => path.join(directory, name))
  fs.writeFileSync(file, 'kept')
  fs.mkdirSync(inner)
  fs.symlinkSync(path.join(directory, 'nowhere'), link)
  for (const taken of [file, inner, link]) assert.throws(() => listenUnix(taken), { code: 'EADDRINUSE', path: taken })
  assert.deepEqual(fs.readdirSync(directory).sort(), ['file', 'inner', 'link'])
  assert.equal(fs.readFileSync(file, 'utf8'), 'kept')
})

test('listenUnix(): one of 20 processes at once replaces a dead socket', { contract: 'H9' }, async (t) => {
  const file = path.join(temporary(t), 'socket')
  for (let round = 0; round < repetitions(10); round++) {
    await deadSocket(file)
    const started = await Promise.all(Array.from({ length: 20 }, () => listener(file)))
    await Promise.all(started.map(({ end }) => end()))
    const said = started.map((one) => one.said)
    assert.deepEqual(said.toSorted(), [...Array(19).fill('EADDRINUSE'), 'listening'])
  }
})

test('listenUnix(): replaces nothing in a locked directory, binds free paths', { contract: 'H9' }, async (t) => {
  const directory = temporary(t)
  const file = path.join(directory, 'socket')
  await deadSocket(file)
  const { end } = await start('flock', ['--no-fork', directory, 'sh', '-c', 'echo locked; exec sleep 1000'])
  t.after(end)
  assert.throws(() => listenUnix(file), { code: 'EADDRINUSE' })
  await serve(t, listenUnix(path.join(directory, 'other')), 'served')
  assert.equal(await talk(path.join(directory, 'other')), 'served')
})

for (const [prefix, convention] of [
  ['\0', 'a NUL'],
  ['@', 'an @'],
]) {
  test(`listenUnix(): takes a name after ${convention} as abstract`, { contract: 'H9' }, async (t) => {
    const name = `procnative-test-${process.pid}`
    const before = fs.readdirSync('.')
    await serve(t, listenUnix(prefix + name), 'abstract')
    assert.equal(await talk(`@${name}`), 'abstract')
    assert.throws(() => listenUnix(prefix + name), { code: 'EADDRINUSE', path: `@${name}` })
    assert.deepEqual(fs.readdirSync('.'), before)
  })
}

test('listenUnix(): refuses abstract names with a mode or a NUL', { contract: 'H9' }, () => {
  assert.throws(() => listenUnix('@name', { mode: 0o600 }), { code: 'ERR_INVALID_ARG_VALUE' })
  assert.throws(() => listenUnix('\0na\0me'), { code: 'ERR_INVALID_ARG_VALUE' })
})

test('listenUnix(): its path stays when the server closes', { contract: 'H9' }, async (t) => {
  const file = path.join(temporary(t), 'socket')
  const server = await serve(t, listenUnix(file), 'first')
  const { ino } = fs.lstatSync(file)
  await new Promise((resolve) => server.close(resolve))
  assert.equal(fs.lstatSync(file).ino, ino)
})

test('listenUnix(): lets as many connections wait as `backlog` says', { contract: 'H9' }, async (t) => {
  const waiting = async (backlog) => {
    const file = path.join(temporary(t), 'socket')
    const handle = listenUnix(file, { backlog })
    t.after(() => handle.close())
    const { stdout } = await run('python3', [fixture('socket/count-waiting.py'), file]).ended
    return Number(stdout)
  }
  // The kernel accepts one more.
  assert.equal(await waiting(5), 6)
  assert.equal(await waiting(50), 51)
  // The kernel caps the backlog.
  assert.equal(await waiting(2 ** 31 - 1), 200)
})

test('listenUnix(): tells why bind fails, leaves no file', { contract: 'H9' }, (t) => {
  const directory = temporary(t)
  const long = path.join(directory, 'x'.repeat(108))
  assert.throws(() => listenUnix(long), { code: 'ENAMETOOLONG', syscall: 'bind', path: long })
  const nowhere = path.join(directory, 'nowhere/socket')
  assert.throws(() => listenUnix(nowhere), { code: 'ENOENT', syscall: 'bind', path: nowhere })
  fs.writeFileSync(path.join(directory, 'file'), '')
  const within = path.join(directory, 'file/socket')
  assert.throws(() => listenUnix(within), { code: 'ENOTDIR', syscall: 'bind', path: within })
  assert.deepEqual(fs.readdirSync(directory), ['file'])
})

test('listenUnix(): works in a worker thread', { contract: 'H9' }, async (t) => {
  const file = path.join(temporary(t), 'socket')
  const script = `require(${JSON.stringify(library)}).listenUnix(${JSON.stringify(file)}, { mode: 0o640 }).close()`
  const worker = new Worker(script, { eval: true })
  const code = await new Promise((resolve) => worker.once('exit', resolve))
  assert.equal(code, 0)
  assert.equal(modeOf(file), 0o640)
})

test('listenUnix(): returns a close-on-exec handle', { contract: 'E5' }, async (t) => {
  const file = path.join(temporary(t), 'socket')
  const handle = listenUnix(file)
  t.after(() => handle.close())
  const { stdout } = await run('ls', ['/proc/self/fd']).ended
  assert.ok(!stdout.split('\n').includes(String(handle.fd)))
  assert.match(fs.readFileSync(`/proc/self/fdinfo/${handle.fd}`, 'utf8'), /^flags:\s+02\d{6}$/m)
})

test(
  'listenUnix(): keeps a live socket that comes after its check',
  needs('strace', hasProgram('strace')),
  async (t) => {
    const directory = temporary(t)
    const [file, trace] = [path.join(directory, 'socket'), path.join(temporary(t), 'trace')]
    await deadSocket(file)
    // Stop the process once it has found the socket dead.
    const hold = ['-e', 'trace=connect', '-e', 'inject=connect:signal=SIGSTOP:when=1']
    const command = [...hold, process.execPath, fixture('socket/listen.cjs'), file]
    const { ended } = run('strace', ['-f', '-o', trace, ...command])
    const stopped = () =>
      fs.existsSync(trace) && fs.readFileSync(trace, 'utf8').match(/^(\d+) +--- stopped by SIGSTOP/m)
    const [, pid] = await until(stopped, 'strace has stopped the process')
    // Other programs take no lock before they replace the file.
    fs.unlinkSync(file)
    const server = net.createServer((socket) => socket.end('the other')).listen(file)
    t.after(() => server.close())
    await until(() => server.listening)
    process.kill(Number(pid), 'SIGCONT')
    const { stdout } = await ended
    assert.equal(stdout.trim(), 'EADDRINUSE')
    assert.deepEqual(fs.readdirSync(directory), ['socket'])
    assert.equal(await talk(file), 'the other')
  },
)
