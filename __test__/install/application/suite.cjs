// The application's tests, written once. Each runner has a file that passes its `test`.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { text } = require('node:stream/consumers')
const { daemonize, daemonStatus, fork, openFds, spawn, stopDaemon } = require('procnative')

/** Calls `test` for each test. */
exports.define = (test) => {
  test('a daemon starts, and stops', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'application-'))
    try {
      const pidFile = path.join(directory, 'pid')
      const launcher = spawn(process.execPath, [path.join(__dirname, 'launch.cjs'), pidFile], { stdio: 'inherit' })
      assert.equal((await launcher.wait()).exitCode, 0)
      const { running, pid } = daemonStatus(pidFile)
      assert.ok(running)
      assert.equal((await stopDaemon(pidFile)).pid, pid)
      assert.equal(daemonStatus(pidFile).running, false)
    } finally {
      fs.rmSync(directory, { recursive: true })
    }
  })

  test('a child is waited for', async () => {
    const child = spawn('sh', ['-c', 'echo written; exit 7'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [{ state, exitCode }, written] = await Promise.all([child.wait(), text(child.stdio[1])])
    assert.equal(state, 'exited')
    assert.equal(exitCode, 7)
    assert.equal(written, 'written\n')
  })

  test('a worker serves on a server passed to it', async () => {
    // Without an address: for a lookup, Node would keep this realm, which jest's --detectLeaks reports.
    const server = net.createServer().listen(0)
    await once(server, 'listening')
    const { port } = server.address()
    const worker = fork(path.join(__dirname, 'worker.cjs'))
    const ends = [once(worker, 'close'), once(worker.handles, 'close'), once(server, 'close')]
    worker.handles.send({ answer: 'yes' }, server)
    const [message] = await once(worker.handles, 'message')
    assert.equal(message, 'serving')
    server.close()
    assert.equal(await text(net.connect(port, '127.0.0.1')), `yes, says ${worker.pid}`)
    worker.handles.close()
    const [[code]] = await Promise.all(ends)
    assert.equal(code, 0)
  })

  test('errors belong to this realm, and have codes', async () => {
    const thrown = (call) => {
      try {
        call()
      } catch (error) {
        return error
      }
      assert.fail('nothing was thrown')
    }
    const missing = thrown(() => spawn('/nowhere/program'))
    assert.ok(missing instanceof Error)
    assert.equal(missing.code, 'ENOENT')
    assert.equal(missing.syscall, 'execve')
    const wrong = thrown(() => spawn(5))
    assert.ok(wrong instanceof TypeError)
    assert.equal(wrong.code, 'ERR_INVALID_ARG_TYPE')
    // Ava and vitest run tests in worker threads, too.
    assert.match(thrown(() => daemonize()).code, /^ERR_PROCNATIVE_(TEST_RUNNER|WORKER_THREAD)$/)
    const rejected = await stopDaemon(5).catch((error) => error)
    assert.ok(rejected instanceof TypeError)
    assert.equal(Object.getPrototypeOf(openFds()), Array.prototype)
  })
}
