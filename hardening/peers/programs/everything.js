// everything.js: makes each call of procnative once, and prints a line for each. Ends with 1 if a call fails.

const assert = require('node:assert/strict')
const childProcess = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { text } = require('node:stream/consumers')
const procnative = require('procnative')

const LIMIT_MS = 20_000

const directory = fs.mkdtempSync(path.join(process.env.RUNTIME_DIRECTORY ?? os.tmpdir(), 'everything-'))
const place = (name) => path.join(directory, name)
const modulePath = path.dirname(require.resolve('procnative'))

/** Returns true if this process has CAP_SETUID and CAP_SETGID. */
function canChangeUser() {
  const [, effective] = fs.readFileSync('/proc/self/status', 'utf8').match(/^CapEff:\s+(\S+)$/m)
  return (BigInt(`0x${effective}`) & 0xc0n) === 0xc0n
}

const quietly = { stdio: 'ignore' }
const shell = (script, options = quietly) => procnative.spawn('sh', ['-c', script], options)

/** Returns the first message of a channel. */
async function nextOf(channel) {
  for await (const { message } of channel) return message
}

const calls = {
  async 'a call below names each function'() {
    const named = Object.keys(calls).join(' ').split(/\W+/)
    const functions = Object.keys(procnative).filter((name) => /^[a-z]/.test(name))
    assert.deepEqual(
      functions.filter((name) => !named.includes(name)),
      [],
    )
  },
  async 'getsid, getpgid, controllingTerminal'() {
    assert.equal(procnative.getsid(process.pid), procnative.getsid())
    assert.equal(procnative.getpgid(process.pid), procnative.getpgid())
    procnative.controllingTerminal()
  },
  async 'tcgetpgrp, tcsetpgrp, tcgetsid'() {
    const none = fs.openSync('/dev/null', 'r+')
    assert.throws(() => procnative.tcgetpgrp(none), { code: 'ENOTTY' })
    assert.throws(() => procnative.tcsetpgrp(none, procnative.getpgid()), { code: 'ENOTTY' })
    assert.throws(() => procnative.tcgetsid(none), { code: 'ENOTTY' })
    fs.closeSync(none)
  },
  async 'setpgid, setsid'() {
    const program = `const { getpgid, setpgid, setsid } = require('${modulePath}')
      setpgid(process.pid, getpgid())
      process.exit(setsid() === process.pid ? 0 : 1)`
    const stdio = ['ignore', 'ignore', 'inherit']
    const child = procnative.spawn(process.execPath, [...process.execArgv, '-e', program], { stdio })
    assert.equal((await child.wait()).exitCode, 0)
  },
  async 'spawn, session'() {
    const child = procnative.spawn('sleep', ['100'], { ...quietly, session: true })
    assert.equal(procnative.getsid(child.pid), child.pid)
    child.kill('SIGKILL')
    await child.wait()
  },
  async 'spawn, processGroup'() {
    const child = procnative.spawn('sleep', ['100'], { ...quietly, processGroup: 0 })
    assert.equal(procnative.getpgid(child.pid), child.pid)
    child.kill('SIGKILL')
    assert.equal((await child.wait()).signal, 'SIGKILL')
  },
  async 'setChildSubreaper, isChildSubreaper, reapOrphans'() {
    procnative.setChildSubreaper(true)
    assert.equal(procnative.isChildSubreaper(), true)
    const orphan = new Promise((resolve) => {
      const reaping = procnative.reapOrphans(({ exitCode }) => {
        if (exitCode !== 42) return
        reaping.stop()
        resolve()
      })
    })
    await shell('(exit 42) & exit 0').wait()
    await orphan
    procnative.setChildSubreaper(false)
  },
  async protect() {
    const child = shell('exit 5')
    procnative.protect(child.pid)
    assert.equal((await child.wait()).exitCode, 5)
  },
  async setParentDeathSignal() {
    procnative.setParentDeathSignal('SIGTERM')
    procnative.setParentDeathSignal(null)
    assert.equal((await procnative.spawn('true', [], { ...quietly, parentDeathSignal: 'SIGTERM' }).wait()).exitCode, 0)
  },
  async 'spawn, wait'() {
    const child = shell('echo out; exit 3', { stdio: ['ignore', 'pipe', 'ignore'] })
    assert.equal(await text(child.stdio[1]), 'out\n')
    assert.equal((await child.wait()).exitCode, 3)
    assert.throws(() => procnative.spawn('/nowhere'), { code: 'ENOENT' })
  },
  async 'spawn, cwd and umask'() {
    const child = shell('pwd; umask', { stdio: ['ignore', 'pipe', 'ignore'], cwd: '/', umask: 0o77 })
    assert.match(await text(child.stdio[1]), /^\/\n0*77\n$/)
    await child.wait()
  },
  async 'spawn, user'() {
    if (!canChangeUser()) return 'not called, since this process may not change its user'
    const child = procnative.spawn('id', ['-un'], { stdio: ['ignore', 'pipe', 'ignore'], user: 'nobody' })
    assert.equal(await text(child.stdio[1]), 'nobody\n')
    await child.wait()
  },
  async waitpid() {
    const child = shell('kill -STOP $$')
    assert.equal(procnative.waitpid(child.pid, { untraced: true }).state, 'stopped')
    child.kill('SIGKILL')
    await child.wait()
  },
  async 'openProcess, wait and observe'() {
    const child = childProcess.spawn('sleep', ['100'])
    const exit = once(child, 'exit')
    const seen = procnative.wait(child.pid, { observe: true })
    procnative.openProcess(child.pid).kill('SIGHUP')
    assert.equal((await seen).signal, 'SIGHUP')
    assert.deepEqual(await exit, [null, 'SIGHUP'])
  },
  async listenUnix() {
    const server = procnative.listenUnix(place('socket'), { mode: 0o660 }).adopt()
    assert.equal(fs.statSync(place('socket')).mode & 0o777, 0o660)
    server.on('connection', (connection) => connection.end('served'))
    assert.equal(await text(net.connect(place('socket'))), 'served')
    server.close()
  },
  async 'listenChannel, connectChannel'() {
    for (const name of [place('channel'), `@everything-${process.pid}-${Date.now()}`]) {
      const server = await procnative.listenChannel(name, {}, (channel) => {
        channel.on('message', (message, handles) => {
          channel.send([message, channel.peer.uid, handles.map(({ kind }) => kind)])
          for (const handle of handles) handle.close()
        })
      })
      const channel = await procnative.connectChannel(name)
      const root = fs.openSync('/', 'r')
      await channel.send('hello', [root])
      assert.deepEqual(await nextOf(channel), ['hello', process.getuid(), ['directory']])
      fs.closeSync(root)
      await channel.close()
      await server.close()
    }
  },
  async 'channel, sendHandle'() {
    const [left, right] = procnative.socketpair().map((end) => procnative.channel(end))
    const received = once(right, 'message')
    const root = fs.openSync('/', 'r')
    await procnative.sendHandle(left, 'hello', root)
    fs.closeSync(root)
    const [message, [handle]] = await received
    assert.deepEqual([message, handle.kind], ['hello', 'directory'])
    handle.close()
    await Promise.all([left.close(), right.close()])
  },
  async 'fork, parentChannel'() {
    const program =
      "parentChannel().on('message', (message, [handle]) => { parentChannel().send(handle.kind); handle.close() })"
    fs.writeFileSync(place('worker.js'), `const { parentChannel } = require('${modulePath}')\n${program}\n`)
    const child = procnative.fork(place('worker.js'))
    const exit = once(child, 'exit')
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    await child.handles.send('serve', server)
    assert.equal(await nextOf(child.handles), 'tcp-server')
    server.close()
    child.kill()
    await exit
  },
  async 'sendFds, recvFds, socketpair, dup, dup2, setCloseOnExec, openFds'() {
    const [left, right] = procnative.socketpair('seqpacket')
    const copy = procnative.dup(1)
    procnative.dup2(left.fd, copy)
    procnative.setCloseOnExec(copy, false)
    procnative.sendFds(left, Buffer.from('x'), [copy])
    const { handles } = procnative.recvFds(right)
    assert.deepEqual(
      handles.map(({ kind }) => kind),
      ['unix-seqpacket'],
    )
    for (const handle of [left, right, ...handles]) handle.close()
    assert.ok(procnative.openFds().includes(copy))
    fs.closeSync(copy)
  },
  async 'listenFds, notify'() {
    assert.deepEqual(procnative.listenFds(), [])
    procnative.notify('STATUS=everything')
  },
  async 'spawnDaemon, daemonStatus, stopDaemon'() {
    const { pid } = await procnative.spawnDaemon('sleep', ['100'], { pidFile: place('sleep.pid') })
    assert.deepEqual(procnative.daemonStatus(place('sleep.pid')), { running: true, pid })
    assert.deepEqual(await procnative.stopDaemon(place('sleep.pid')), { pid, killed: false })
    assert.equal(procnative.daemonStatus(place('sleep.pid')).running, false)
  },
  async 'spawnDaemon, which says when it is ready'() {
    const options = {
      pidFile: place('notify.pid'),
      ready: 'notify',
      env: environment({ FOREGROUND: '1', PID_FILE: place('notify.pid') }),
    }
    const { pid } = await procnative.spawnDaemon(process.execPath, [...process.execArgv, daemonFile()], options)
    assert.deepEqual(await procnative.stopDaemon(place('notify.pid')), { pid, killed: false })
  },
  async 'spawnDaemon, which fails'() {
    const failing = procnative.spawnDaemon('sh', ['-c', 'exit 7'], { ready: 'notify' })
    await assert.rejects(failing, { code: 'ERR_PROCNATIVE_DAEMON_EXITED', exitCode: 7 })
  },
  'daemonize, reopenLogs': () => daemonizes({}),
  async 'daemonize, user'() {
    if (!canChangeUser()) return 'not called, since this process may not change its user'
    // The daemon makes a new log here.
    fs.chmodSync(directory, 0o777)
    await daemonizes({ DAEMON_USER: 'nobody' })
  },
}

const environment = (changes) => ({ ...process.env, ...changes })

/** Writes a program whose daemon logs when it has reopened its log; returns the path. */
function daemonFile() {
  const program = `
const { daemonize } = require('${modulePath}')
const { FOREGROUND, PID_FILE: pidFile, DAEMON_USER: user } = process.env
const options = { foreground: FOREGROUND !== undefined, pidFile, stdout: '${place('log')}' }
const daemon = daemonize(user === undefined ? options : { ...options, user })
process.on('SIGHUP', () => {
  daemon.reopenLogs()
  console.log('reopened')
})
process.on('SIGTERM', () => process.exit())
setInterval(() => {}, 1000)
`
  fs.writeFileSync(place('daemon.js'), program)
  return place('daemon.js')
}

/** Starts a daemon by daemonize(), rotates its log, and stops it. */
async function daemonizes(changes) {
  const pidFile = place('daemon.pid')
  // The launcher must not talk to a service manager, because the daemon is not the manager's service.
  const { NOTIFY_SOCKET, ...env } = environment({ PID_FILE: pidFile, ...changes })
  const args = [...process.execArgv, daemonFile()]
  const launcher = childProcess.spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const errors = text(launcher.stderr)
  const [code] = await once(launcher, 'close')
  assert.equal(code, 0, await errors)

  const { pid } = procnative.daemonStatus(pidFile)
  fs.renameSync(place('log'), place('log.1'))
  process.kill(pid, 'SIGHUP')
  while (!fs.existsSync(place('log')) || !fs.readFileSync(place('log'), 'utf8').includes('reopened')) {
    await new Promise(setImmediate)
  }
  assert.deepEqual(await procnative.stopDaemon(pidFile), { pid, killed: false })
  fs.rmSync(place('log'))
}

async function main() {
  let failed = 0
  // Without a timer, an empty event loop would end the process in the middle of a call.
  setInterval(() => {}, 1000)
  for (const [name, call] of Object.entries(calls)) {
    try {
      const remark = await Promise.race([call(), late()])
      console.log(`ok ${name}${remark ? `: ${remark}` : ''}`)
    } catch (error) {
      failed++
      console.log(`FAILED ${name}: ${error.stack}`)
    }
  }
  fs.rmSync(directory, { recursive: true })
  console.log(failed === 0 ? 'all passed' : `${failed} failed`)
  process.exit(failed === 0 ? 0 : 1)
}

const late = () =>
  new Promise((_, reject) => setTimeout(() => reject(new Error('it takes too long')), LIMIT_MS).unref())

main()
