'use strict'

// Runs the tests on every runtime that is supported, each installed from its npm package outside this project:
//
//   npm run test:matrix [-- node@22 bun …] [-- spec files]

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { installRuntime, version } = require('./runtimes.js')

const root = path.dirname(__dirname)

// What needs none of Node's own internals. The others test daemonize(), or Node's ways with errors and modules. Deno's
// servers have no descriptor, which the tests of what is handed over begin with.
const PROCESSES = [
  'job-control',
  'orphans',
  'parent-death',
  'process',
  'spawn',
  'spawn-stdio',
  'wait',
  'wait-load',
  'wait-ownership',
  'waitpid',
]
// Deno's own functions for files take no descriptors, by which many tests of handles look at them.
const CHANNELS = [
  'channel',
  'channel-alive',
  'channel-close',
  'channel-gone',
  'channel-hostile-peers',
  'channel-in-flight',
  'channel-iterate',
  'channel-read',
  'channel-reentrant',
  'channel-server-errors',
  'channel-socket',
  'security-linger',
  'security-unix',
  'send-fds-peer',
  'wire-format-bytes',
]
const HANDLES = [
  'channel-flow',
  'channel-handles',
  'channel-hostile-descriptors',
  'channel-send',
  'channel-send-refused',
  'channel-server',
  'channel-server-load',
  'channel-thread',
  'descriptors',
  'fork-parent',
  'handle',
  'handles-load',
  'security-channel',
  'send-fds',
  'send-fds-refused',
  'wire-format',
]
const DENO = [...PROCESSES, ...CHANNELS, 'session', 'spawn-daemon', 'spawn-daemon-readiness', 'terminal', 'unix']
const BUN = [...DENO, ...HANDLES, 'systemd']

const RUNTIMES = {
  'node@20': nodeTests,
  'node@22': nodeTests,
  'node@24': nodeTests,
  'node@26': nodeTests,
  bun: (specs) => ['test', ...only(specs, BUN)],
  deno: (specs) => ['test', '--allow-all', '--no-check', ...only(specs, DENO)],
}

function nodeTests(specs) {
  return ['--test', ...specs]
}

const only = (specs, names) => specs.filter((spec) => names.includes(path.basename(spec, '.spec.mjs')))

const wanted = process.argv.slice(2).filter((arg) => Object.hasOwn(RUNTIMES, arg))
const given = process.argv.slice(2).filter((arg) => !Object.hasOwn(RUNTIMES, arg))
const all = ['__test__', '__test__/documents'].flatMap((directory) =>
  fs.readdirSync(path.join(root, directory)).map((name) => path.join(directory, name)),
)
const specs = given.length > 0 ? given : all.filter((name) => name.endsWith('.spec.mjs'))

const results = []
for (const name of wanted.length > 0 ? wanted : Object.keys(RUNTIMES)) {
  const binary = installRuntime(name)
  console.log(`\n── ${name}: ${version(binary)}`)
  const { status } = spawnSync(binary, RUNTIMES[name](specs), { cwd: root, stdio: 'inherit' })
  results.push({ name, version: version(binary), passed: status === 0 })
}

console.log('')
for (const { name, version, passed } of results) console.log(`${passed ? '✔' : '✖'} ${name} (${version})`)
if (!results.every(({ passed }) => passed)) process.exitCode = 1
