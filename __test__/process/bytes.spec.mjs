// Arguments, variables and names that are not valid UTF-8: a new process gets the bytes.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { spawnDaemon } from '../../index.js'
import { started } from '../helpers/children.mjs'
import { end, firstLine } from '../helpers/daemon.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { PYTHON } from '../helpers/spawned.mjs'
import { until } from '../helpers/until.mjs'
import { refusal } from './helpers/refusals.mjs'

const latin1 = (bytes) => Buffer.from(bytes).toString('latin1')
const TEXT = latin1('é\ufffd')
const VALUES = ['VALUE=\xe9\xff', `TEXT=${TEXT}`]
const ALL = [...VALUES, 'NAME\xe9=1']

/** Runs a fixture with Node.js, with arguments and variables that are not valid UTF-8. */
const runBytes = (args, options) =>
  run(PYTHON, [fixture('process/run-with-invalid-utf8.py'), process.execPath, ...args], options).ended

async function daemon(context, nodeOptions) {
  const log = path.join(temporary(context), 'log')
  const script = fixture('process/daemonize-and-report-bytes.cjs')
  const { code, stderr } = await runBytes([...nodeOptions, script, log])
  assert.equal(code, 0, stderr)
  const told = firstLine(log)
  context.after(() => end(told.pid))
  return { ...told, log, script }
}

test('daemonize(): arguments keep their bytes, after process.title was set', needs('Node.js', isNode), async (t) => {
  const { command, script, log } = await daemon(t, ['--conditions=%E9', '--no-warnings'])
  const options = ['--conditions=\xe9', '--no-warnings']
  assert.deepEqual(command, ['n\xe9de', ...options, script, log, '\xe9', '\xe8', TEXT, ''])
})

test('daemonize(): variables keep their bytes, LISTEN_PID names the daemon', needs('Node.js', isNode), async (t) => {
  const { environment, pid } = await daemon(t, [])
  for (const variable of ALL) assert.ok(environment.includes(variable), variable)
  assert.deepEqual(
    environment.filter((one) => one.startsWith('LISTEN_PID=')),
    [`LISTEN_PID=${pid}`],
  )
})

test(
  'daemonize(): the program starts in its first directory, whatever its bytes',
  needs('Node.js', isNode),
  async (t) => {
    const parent = temporary(t)
    // JavaScript shows the same path for both names.
    for (const byte of [0xe8, 0xe9]) fs.mkdirSync(Buffer.concat([Buffer.from(`${parent}/`), Buffer.from([byte])]))
    const log = path.join(parent, 'log')
    const inside = ['-c', 'cd "$0"/$(printf "\\351") && exec "$@"', parent, process.execPath]
    const { code, stderr } = await run('sh', [...inside, fixture('process/daemonize-and-report-bytes.cjs'), log]).ended
    assert.equal(code, 0, stderr)
    const { pid, directory } = firstLine(log)
    t.after(() => end(pid))
    assert.equal(directory, `${parent}/\xe9`)
  },
)

/** Compares the variables of children with the expected ones. */
function areThere({ stdout, stderr }, expected) {
  const [told] = reports(stdout)
  for (const [way, variables] of Object.entries(expected)) {
    assert.deepEqual(told?.[way].sort(), [...variables].sort(), `${way}: ${stderr}`)
  }
}

test('spawn(): variables keep their bytes, by default and with process.env', needs('Node.js', isNode), async () => {
  areThere(await runBytes([fixture('process/report-child-variables.mjs')]), {
    byDefault: ALL,
    copied: VALUES,
    named: ALL,
    daemon: ALL,
    besideWorkers: ALL,
    changed: ['VALUE=\xe9\xff', 'NAME\xe9=1', `SET=${latin1('é')}`],
    replaced: ['VALUE=1'],
  })
})

test('spawn(): variables keep their bytes, in a worker thread', needs('Node.js', isNode), async () => {
  const env = { ...process.env, WORKER: '1' }
  areThere(await runBytes([fixture('process/report-child-variables.mjs')], { env }), {
    byDefault: VALUES,
    copied: VALUES,
  })
})

/** Makes a directory with a program and a text, each with a name that is not valid UTF-8. */
function oddNames(t) {
  const directory = Buffer.concat([Buffer.from(`${temporary(t)}/`), Buffer.from([0xe9])])
  const inside = (name) => Buffer.concat([directory, Buffer.from('/'), Buffer.from(name, 'latin1')])
  fs.mkdirSync(directory)
  fs.copyFileSync('/bin/cat', inside('c\xe9'))
  fs.copyFileSync('/bin/cat', inside('odd cat'))
  fs.writeFileSync(inside('t\xe9'), 'text ')
  return { directory, program: inside('c\xe9'), file: inside('t\xe9') }
}

/** Returns the output of a program, byte by byte. */
async function outputOf(t, file, args, options) {
  const log = path.join(temporary(t), 'log')
  const fd = fs.openSync(log, 'w')
  const child = started(t, file, args, { stdio: ['ignore', fd, 'inherit'], ...options })
  fs.closeSync(fd)
  assert.equal((await child.wait()).exitCode, 0)
  return fs.readFileSync(log, 'latin1')
}

test('spawn(): takes bytes as file, arguments, argv0 and values', needs('Node.js', isNode), async (t) => {
  const { program, file } = oddNames(t)
  const shared = new Uint8Array(new SharedArrayBuffer(1)).fill(0xe9)
  const env = { VALUE: shared, NUMBER: 5 }
  const args = [file, '/proc/self/cmdline', '/proc/self/environ']
  const output = await outputOf(t, program, args, { argv0: Buffer.from([0xe8]), env })
  assert.equal(output, `text \xe8\0${latin1(file)}\0${args.slice(1).join('\0')}\0VALUE=\xe9\0NUMBER=5\0`)
})

test('spawn(): finds a program in a PATH of bytes', needs('Node.js', isNode), async (t) => {
  const { directory, file } = oddNames(t)
  assert.equal(await outputOf(t, 'odd cat', [file], { env: { PATH: directory } }), 'text ')
})

test('spawnDaemon(): takes bytes as file, arguments and values', needs('Node.js', isNode), async (t) => {
  const { program, file } = oddNames(t)
  const fifo = path.join(temporary(t), 'fifo')
  assert.equal((await run('mkfifo', [fifo]).ended).code, 0)
  const { pid } = await spawnDaemon(program, [fifo, file], { env: { VALUE: Uint8Array.of(0xe9) } })
  t.after(() => end(pid))
  const read = (name) => fs.readFileSync(`/proc/${pid}/${name}`, 'latin1')
  assert.equal(
    await until(() => read('cmdline'), 'the arguments of the daemon'),
    `${[program, fifo, file].map(latin1).join('\0')}\0`,
  )
  assert.equal(read('environ'), 'VALUE=\xe9\0')
})

test('spawn(): refuses bytes with a NUL, and an empty file', () => {
  const nul = Uint8Array.of(0x41, 0)
  for (const call of [
    [new Uint8Array()],
    [nul],
    ['true', [nul]],
    ['true', [], { argv0: nul }],
    ['true', [], { env: { VALUE: nul } }],
  ]) {
    assert.equal(refusal(...call).code, 'ERR_INVALID_ARG_VALUE')
  }
})
