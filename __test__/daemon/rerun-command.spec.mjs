// daemonize() runs the same program again: arguments, entry points, inspector and binary.

import assert from 'node:assert/strict'
import cluster from 'node:cluster'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { end, factsFrom } from '../helpers/daemon.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { exe, isAlive } from '../helpers/proc.mjs'
import { fixture, root, run } from '../helpers/run.mjs'

/** Runs a launcher in its own directory, where `log` has the output of its daemon. */
async function again(context, args, { env, ...options } = {}) {
  const directory = temporary(context)
  const log = path.join(directory, 'log')
  const settings = { cwd: directory, env: { ...process.env, LOG: log, ...env }, ...options }
  const result = await run(process.execPath, args(directory), settings).ended
  return { ...result, directory, log, ...(result.code === 0 ? factsFrom(context, log) : {}) }
}

const write = (directory, name, text) => {
  fs.writeFileSync(path.join(directory, name), text)
  return name
}

// A short daemon, in CommonJS and as a module.
const PACKAGE = JSON.stringify(root)
const FACTS = JSON.stringify(fixture('describe-process.cjs'))
const COMMONJS = `
  const daemon = require(${PACKAGE}).daemonize({ stdout: process.env.LOG })
  require(${FACTS}).tell(daemon)
  console.log(JSON.stringify(globalThis.preloaded ?? null))
  setInterval(() => {}, 2 ** 30)`
const MODULE = `
  import procnative from ${JSON.stringify(path.join(root, 'index.js'))}
  import facts from ${FACTS}
  facts.tell(procnative.daemonize({ stdout: process.env.LOG }))
  console.log(JSON.stringify(globalThis.preloaded ?? null))
  setInterval(() => {}, 2 ** 30)`
const PRELOAD = 'globalThis.preloaded = [process.cwd(), process.argv.length]'

test('daemonize(): keeps execArgv, arguments and argv0', { contract: 'D15' }, async (t) => {
  const { facts } = await again(
    t,
    (directory) => [
      '--max-old-space-size=123',
      '--no-warnings',
      write(directory, 'app.cjs', COMMONJS),
      '-x',
      '--y=z',
      'ä b',
    ],
    { argv0: 'my server' },
  )
  assert.deepEqual(facts.execArgv, ['--max-old-space-size=123', '--no-warnings'])
  assert.deepEqual(facts.argv.slice(2), ['-x', '--y=z', 'ä b'])
  assert.equal(facts.argv0, 'my server')
})

test('daemonize(): runs an ESM entry again', { contract: 'D15' }, async (t) => {
  const { facts, code, stderr } = await again(t, (directory) => [write(directory, 'app.mjs', MODULE), 'argument'])
  assert.equal(code, 0, stderr)
  assert.equal(facts.argv[2], 'argument')
})

test('daemonize(): finds a relative -r module', { contract: 'D15' }, async (t) => {
  const { more, directory } = await again(t, (at) => [
    '-r',
    `./${write(at, 'pre.cjs', PRELOAD)}`,
    write(at, 'app.cjs', COMMONJS),
  ])
  assert.deepEqual(JSON.parse(more[0]), [directory, 2])
})

test('daemonize(): finds a relative --import module in the starting directory', { contract: 'D15' }, async (t) => {
  const { more, directory } = await again(t, (at) => [
    '--import',
    `./${write(at, 'pre.mjs', PRELOAD)}`,
    write(at, 'app.mjs', MODULE),
  ])
  assert.deepEqual(JSON.parse(more[0]), [directory, 2])
})

test('daemonize(): runs preloads in the starting directory, program left it', { contract: 'D15' }, async (t) => {
  const { more, directory } = await again(t, (at) => [
    '-r',
    `./${write(at, 'pre.cjs', PRELOAD)}`,
    write(at, 'app.cjs', `require(${PACKAGE}); process.chdir('/usr'); ${COMMONJS}`),
  ])
  assert.deepEqual(JSON.parse(more[0]), [directory, 2])
})

test('daemonize(): keeps NODE_OPTIONS', { contract: 'D15' }, async (t) => {
  const { more } = await again(
    t,
    (at) => [write(at, 'app.cjs', `${COMMONJS}; console.log(process.env.NODE_OPTIONS)`)],
    {
      env: { NODE_OPTIONS: '--stack-trace-limit=7' },
    },
  )
  assert.equal(more[1], '--stack-trace-limit=7')
})

test('daemonize(): the environment is process.env at the call', { contract: 'D15' }, async (t) => {
  const { facts } = await again(
    t,
    (at) => [write(at, 'app.cjs', `process.env.ADDED = 'a=b\\nc'; delete process.env.GONE; ${COMMONJS}`)],
    { env: { GONE: 'no' } },
  )
  assert.equal(facts.env.ADDED, 'a=b\nc')
  assert.equal(facts.env.GONE, undefined)
})

test('daemonize(): the arguments are those of the start, argv changed', { contract: 'D15' }, async (t) => {
  const { facts } = await again(t, (at) => [
    write(
      at,
      'app.cjs',
      `const own = require(${PACKAGE}); globalThis.seen = process.argv.splice(2); ${COMMONJS}; console.log(seen)`,
    ),
    'start',
    '--now',
  ])
  assert.equal(facts.argv.length, 2)
  const { facts: kept } = await again(t, (at) => [
    write(
      at,
      'app.cjs',
      `const isDaemon = process.env.PROCNATIVE_DAEMON; require(${PACKAGE}); if (!isDaemon) process.argv.splice(2); ${COMMONJS}`,
    ),
    'start',
    '--now',
  ])
  assert.deepEqual(kept.argv.slice(2), ['start', '--now'])
})

test('daemonize(): runs node -e again', { contract: 'D15' }, async (t) => {
  const { facts, code, stderr } = await again(t, () => ['-e', COMMONJS, '--', '--like-an-option', 'argument'])
  assert.equal(code, 0, stderr)
  assert.deepEqual(facts.argv.slice(1), ['--like-an-option', 'argument'])
})

test('daemonize(): runs node -p again', { contract: 'D15' }, async (t) => {
  const { facts, code, stderr } = await again(t, () => ['-p', COMMONJS, 'argument'])
  assert.equal(code, 0, stderr)
  assert.deepEqual(facts.argv.slice(1), ['argument'])
})

test('daemonize(): runs node --input-type=module -e again', { contract: 'D15' }, async (t) => {
  const { code, stderr } = await again(t, () => ['--input-type=module', '-e', MODULE])
  assert.equal(code, 0, stderr)
})

for (const args of [[], ['-']]) {
  test(`daemonize(): throws ERR_PROCNATIVE_STDIN_SCRIPT, node ${args[0] ?? 'alone'}`, { contract: 'D15' }, async () => {
    const { code, stderr } = await run(process.execPath, args, { input: COMMONJS }).ended
    assert.equal(code, 1)
    assert.match(stderr, /ERR_PROCNATIVE_STDIN_SCRIPT/)
  })
}

test('daemonize(): throws ERR_PROCNATIVE_REPL in the REPL', { contract: 'D15' }, async () => {
  const input = `try { require(${PACKAGE}).daemonize() } catch ({ code }) { console.log(code) }\n`
  const { stdout } = await run(process.execPath, ['-i'], { input }).ended
  assert.match(stdout, /ERR_PROCNATIVE_REPL/)
})

test('daemonize(): throws ERR_PROCNATIVE_WORKER_THREAD in a worker thread', { contract: 'D15' }, async () => {
  const source = `try { require(${PACKAGE}).daemonize() } catch ({ code }) { require('worker_threads').parentPort.postMessage(code) }`
  const worker = new Worker(source, { eval: true })
  const message = await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
  await worker.terminate()
  assert.equal(message, 'ERR_PROCNATIVE_WORKER_THREAD')
})

test('daemonize(): throws ERR_PROCNATIVE_CLUSTER_WORKER in a cluster worker', { contract: 'D15' }, async () => {
  cluster.setupPrimary({ exec: fixture('daemon/cluster-worker.cjs') })
  const worker = cluster.fork()
  const message = await new Promise((resolve) => worker.on('message', resolve))
  await new Promise((resolve) => worker.on('exit', resolve))
  assert.equal(message, 'ERR_PROCNATIVE_CLUSTER_WORKER')
})

test('daemonize(): ignores the options that the daemon gives', { contract: 'D15' }, async (t) => {
  const options = '{ stdout: process.env.LOG, cwd: process.env.PROCNATIVE_DAEMON ? 5 : process.cwd() }'
  const { facts, code, stderr, directory } = await again(t, (at) => [
    write(at, 'app.cjs', COMMONJS.replace('{ stdout: process.env.LOG }', options)),
  ])
  assert.equal(code, 0, stderr)
  assert.equal(fs.readlinkSync(`/proc/${facts.pid}/cwd`), directory)
})

for (const [by, start] of [
  ['--inspect', (port, app) => [`--inspect=127.0.0.1:${port}`, app(COMMONJS)]],
  ['inspector.open()', (port, app) => [app(`require('node:inspector').open(${port}, '127.0.0.1'); ${COMMONJS}`)]],
]) {
  test(`daemonize(): the daemon takes over the inspector port, ${by}`, { contract: 'D16' }, async (t) => {
    const port = await freePort()
    const { facts, code, stderr } = await again(t, (at) => start(port, (text) => write(at, 'app.cjs', text)))
    assert.equal(code, 0, stderr)
    const targets = await getJson(`http://127.0.0.1:${port}/json/list`)
    assert.match(targets[0].title, new RegExp(`\\[${facts.pid}\\]|app\\.cjs`))
    assert.equal(isAlive(facts.pid), true)
  })
}

test('daemonize(): the launcher takes the inspector port back, failed start', { contract: 'D16' }, async () => {
  const port = await freePort()
  const { code, stdout, stderr } = await run(process.execPath, [
    `--inspect=127.0.0.1:${port}`,
    fixture('daemon/fail-with-inspector.cjs'),
  ]).ended
  assert.equal(code, 0, stderr)
  const { error, before, after } = JSON.parse(stdout)
  assert.equal(error, 'ENOENT')
  assert.equal(new URL(after).host, new URL(before).host)
})

for (const [what, change, running] of [
  ['replaced', `fs.renameSync(name, name + '.old'); fs.writeFileSync(name, 'another version')`, '.old'],
  ['deleted', 'fs.unlinkSync(name)', ' (deleted)'],
]) {
  test(`daemonize(): runs the same binary under its name, binary ${what}`, { contract: 'D18' }, async (t) => {
    const directory = temporary(t)
    const node = path.join(directory, 'node')
    fs.copyFileSync(process.execPath, node)
    const upgrade = `const fs = require('fs'); const name = process.execPath; ${change}`
    const script = write(directory, 'app.cjs', `if (!process.env.PROCNATIVE_DAEMON) { ${upgrade} }; ${COMMONJS}`)
    const log = path.join(directory, 'log')
    const { code, stderr } = await run(node, [script], { cwd: directory, env: { ...process.env, LOG: log } }).ended
    assert.equal(code, 0, stderr)
    const { facts } = factsFrom(t, log)
    assert.equal(exe(facts.pid), node + running)
    assert.equal(facts.execPath, node)
  })
}

test('daemonize(): the daemon of an npm script outlives npm', { contract: 'D15' }, async (t) => {
  const { code, stderr, directory } = await (async () => {
    const at = temporary(t)
    write(at, 'app.cjs', COMMONJS)
    write(at, 'package.json', JSON.stringify({ scripts: { start: 'node app.cjs' } }))
    const env = { ...process.env, LOG: path.join(at, 'log') }
    return { directory: at, ...(await run('npm', ['start'], { cwd: at, env }).ended) }
  })()
  assert.equal(code, 0, stderr)
  assert.equal(isAlive(factsFrom(t, path.join(directory, 'log')).facts.pid), true)
})

for (const [name, source] of [
  ['app.cts', COMMONJS],
  ['app.mts', `${MODULE}\nawait null`],
]) {
  test(`daemonize(): tsx runs ${name} again as TypeScript`, { contract: 'D15' }, async (t) => {
    const directory = temporary(t)
    const log = path.join(directory, 'log')
    const script = write(directory, name, `${source}\nconst typed: string = ''; void typed`)
    const tsx = path.join(root, 'node_modules/tsx/dist/cli.mjs')
    const env = { ...process.env, LOG: log }
    const { code, stderr } = await run(process.execPath, [tsx, script], { cwd: directory, env }).ended
    assert.equal(code, 0, stderr)
    assert.equal(isAlive(factsFrom(t, log).facts.pid), true)
  })
}

test('daemonize(): works under node --watch', { contract: 'D15' }, async (t) => {
  const directory = temporary(t)
  const log = path.join(directory, 'log')
  const script = write(directory, 'app.cjs', COMMONJS)
  const { child, ended } = run(process.execPath, ['--watch', script], {
    cwd: directory,
    env: { ...process.env, LOG: log },
  })
  t.after(() => ended)
  t.after(() => end(child.pid))
  const text = await new Promise((resolve) => {
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
      if (/Completed running|Failed running/.test(output)) resolve(output)
    })
  })
  assert.match(text, /Completed running/)
  assert.equal(isAlive(factsFrom(t, log).facts.pid), true)
})

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const getJson = (url) =>
  new Promise((resolve, reject) => {
    http
      .get(url, { agent: false }, async (response) => {
        const chunks = await response.setEncoding('utf8').toArray()
        resolve(JSON.parse(chunks.join('')))
      })
      .on('error', reject)
  })
