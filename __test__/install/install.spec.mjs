// Installing the tarball into an empty project by each package manager, and using it on each runtime: `npm run test:install`.
// Needs the registry for the managers and runtimes.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { stat } from '../helpers/proc.mjs'
import { root } from '../helpers/run.mjs'
import { add, BLOCKED, barePath, environment, install, installRuntime, MANAGERS } from './managers.mjs'
import { pack, wanted } from './packed.mjs'

const RUNTIMES = ['node@20', 'node@22', 'node@24', 'node@26', 'bun', 'deno']
// The Node.js of the package managers: npm 12 needs 22.22 or newer.
const MANAGED_BY = 'node@24'
const PROGRAMS = ['use.cjs', 'use.mjs', 'compiled/typed-cjs.cjs', 'compiled/typed-esm.mjs']
// The oldest compiler that @types/node supports, and the compiler of this project.
const COMPILERS = ['typescript@5.9', 'typescript@7']

const programs = path.join(root, '__test__/install/project')
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-install-'))
after(() => fs.rmSync(directory, { recursive: true, force: true }))

const runtimes = RUNTIMES.map((name) => ({ name, ...wanted(() => installRuntime(name)) }))
const compilers = COMPILERS.map((name) => ({ name, ...wanted(() => install(name)) }))
const node = runtimes.find(({ name }) => name === MANAGED_BY)
const bin = barePath(directory, node.value ?? process.execPath)

let tarball
before(() => {
  tarball = pack(directory)
})

function emptyProject(name, manager) {
  const project = path.join(directory, name)
  fs.mkdirSync(project)
  fs.writeFileSync(
    path.join(project, 'package.json'),
    JSON.stringify({ name: 'empty', version: '1.0.0', private: true }),
  )
  manager.prepare?.(project)
  return project
}

function run(binary, args, project, env = {}) {
  return spawnSync(binary, args, { cwd: project, encoding: 'utf8', env: environment(bin, env) })
}

function works(binary, args, project, env) {
  const { status, signal, stdout, stderr } = run(binary, args, project, env)
  assert.deepEqual([status, signal, stderr], [0, null, ''])
  const { session, exitCode } = JSON.parse(stdout)
  assert.equal(session, stat('self').session)
  assert.equal(exitCode, 7)
}

test('install: finds no compiler in PATH', { contract: 'I2' }, () => {
  assert.deepEqual(fs.readdirSync(bin).sort(), ['node', 'sh'])
})

for (const [name, manager] of Object.entries(MANAGERS)) {
  const { reason } = wanted(() => install(manager.package))
  describe(`install: ${name}`, { skip: reason }, () => {
    let project

    test('install: works with --ignore-scripts, without a compiler', () => {
      project = emptyProject(`${name}, no scripts`, manager)
      fs.cpSync(programs, project, { recursive: true })
      add(manager, tarball, { project, bin, scripts: false })
    })

    test('install: runs no script, asks about no script', () => {
      const other = emptyProject(`${name}, scripts`, manager)
      assert.doesNotMatch(add(manager, tarball, { project: other, bin, scripts: true }), BLOCKED)
    })

    if (manager.plugAndPlay) return plugAndPlay(() => project)

    for (const compiler of compilers) {
      test(`${compiler.name}: accepts programs of both module systems`, { skip: compiler.reason }, () => {
        if (!fs.existsSync(path.join(project, 'node_modules/@types/node'))) {
          add(manager, '@types/node@20', { project, bin, scripts: false })
        }
        const { status, stdout } = run(
          path.join(bin, 'node'),
          [path.join(compiler.value, 'typescript/bin/tsc'), '-p', '.'],
          project,
        )
        assert.equal(status, 0, stdout)
      })
    }

    for (const runtime of runtimes) {
      for (const program of PROGRAMS) {
        test(`${runtime.name} runs ${program}`, { skip: runtime.reason }, () => {
          works(runtime.value, [...(runtime.name === 'deno' ? ['run', '-A'] : []), program], project)
        })
      }
    }
  })
}

// Only Node.js supports Plug'n'Play, by two hooks.
function plugAndPlay(project) {
  for (const runtime of runtimes.filter(({ name }) => name.startsWith('node'))) {
    for (const program of ['use.cjs', 'use.mjs']) {
      test(`${runtime.name} runs ${program}`, { skip: runtime.reason }, () => {
        const hooks = ['--no-warnings', '-r', './.pnp.cjs', '--loader', './.pnp.loader.mjs']
        works(runtime.value, [...hooks, program], project())
      })
    }
  }
}

// A stand-in for cargo: checks that the sources exist, and copies the binary that the test has moved away into target/.
const CARGO = (binary) => `#!/bin/sh
test "$1" = --version && exit 0
for name in Cargo.toml Cargo.lock build.rs src/lib.rs; do test -f "$name" || exit 1; done
node -e 'fs.mkdirSync("target/release", { recursive: true }); fs.copyFileSync(process.argv[1], process.argv[2])' '${binary}' target/release/libprocnative.so
`

const npm = wanted(() => install(MANAGERS['npm 11'].package))

test('require(): names a command that builds the binary, without a binary', {
  contract: 'I2',
  skip: npm.reason,
}, () => {
  const manager = MANAGERS['npm 11']
  const project = emptyProject('without a binary', manager)
  add(manager, tarball, { project, bin, scripts: false })
  const installed = path.join(project, 'node_modules/procnative')
  const [binary] = fs.readdirSync(installed).filter((name) => name.endsWith('.node'))
  const aside = path.join(directory, binary)
  fs.renameSync(path.join(installed, binary), aside)

  const script =
    'try { require("procnative") } catch (error) { console.log(JSON.stringify([error.code, error.message])) }'
  const [code, message] = JSON.parse(run(path.join(bin, 'node'), ['-e', script], project).stdout)
  assert.equal(code, 'ERR_PROCNATIVE_NO_BINARY')
  const [, command, where] = message.match(/`(.+)` in (.+) to build it with cargo$/)
  assert.equal(where, fs.realpathSync(installed))

  const builder = path.join(directory, 'builder')
  fs.mkdirSync(builder)
  fs.writeFileSync(path.join(builder, 'cargo'), CARGO(aside), { mode: 0o755 })
  const built = run('/bin/sh', ['-c', command], where, { PATH: `${bin}:${builder}:${path.join(npm.value, '.bin')}` })
  assert.equal(built.status, 0, built.stdout + built.stderr)
  assert.deepEqual(run(path.join(bin, 'node'), ['-e', 'require("procnative")'], project).stderr, '')
})

for (const [name, command] of Object.entries({
  'publint@0.3': ['publint/src/cli.js', '--strict'],
  '@arethetypeswrong/cli@0.18': ['@arethetypeswrong/cli/dist/index.js'],
})) {
  const { value, reason } = wanted(() => install(name))
  test(`${name.split('@').slice(0, -1).join('@')}: finds no problem`, { contract: 'I3', skip: reason }, () => {
    const [script, ...options] = command
    const { status, stdout, stderr } = run(
      path.join(bin, 'node'),
      [path.join(value, script), tarball, ...options],
      directory,
    )
    assert.equal(status, 0, stdout + stderr)
    if (name.startsWith('publint')) assert.match(stdout, /All good!/)
    else assert.match(stdout, /No problems found/)
  })
}
