// Loading the binary: where procnative looks for it, and which reason an error gives.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { hasProgram, isNode, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { stat } from '../helpers/proc.mjs'
import { fixture, root, run, runScript } from '../helpers/run.mjs'

const { BINARIES, machine } = createRequire(import.meta.url)('../../lib/core/binaries.js')
const { version, napi } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
const here = machine()
const { name } = BINARIES[here]
const file = `procnative.${name}.node`
const packageName = `@procnative/binding-${name}`
const built = path.join(root, file)
// 0 if the leader of the session is outside of this pid namespace.
const { session } = stat('self')

const E_MACHINE = 18
const foreign = here.includes('x64')
  ? { type: 183, key: here.replace('x64', 'arm64') }
  : { type: 62, key: here.replace('arm64', 'x64') }

/** Returns a binary for the other architecture: this one with another number in its head. */
function foreignBinary() {
  const content = fs.readFileSync(built)
  content.writeUInt16LE(foreign.type, E_MACHINE)
  return content
}

/** Makes a project with the published package, but with `binary` as its binary; without one by default. */
function project(context, { binary, packaged, packageVersion = version } = {}) {
  const directory = path.join(fs.realpathSync(temporary(context)), 'node_modules/procnative')
  fs.mkdirSync(directory, { recursive: true })
  for (const part of ['package.json', 'index.js', 'lib']) {
    fs.cpSync(path.join(root, part), path.join(directory, part), { recursive: true })
  }
  if (binary) fs.writeFileSync(path.join(directory, file), binary)
  if (packaged) {
    const other = path.join(directory, '..', packageName)
    fs.mkdirSync(other, { recursive: true })
    fs.writeFileSync(path.join(other, 'package.json'), JSON.stringify({ name: packageName, main: file }))
    fs.writeFileSync(path.join(other, file), packaged)
  }
  if (packageVersion !== version) {
    const manifest = path.join(directory, 'package.json')
    fs.writeFileSync(manifest, JSON.stringify({ name: 'procnative', version: packageVersion, main: 'index.js' }))
  }
  return directory
}

async function load(directory, { env, execArgv } = {}) {
  const { stdout, stderr } = await runScript(fixture('package/load-package.cjs'), [directory], {
    execArgv,
    env: { ...process.env, ...env },
  })
  assert.equal(stderr.replace(/^\(.*\n/gm, ''), '')
  return JSON.parse(stdout)
}

async function refused(directory, how, message) {
  const outcome = await load(directory, how)
  assert.equal(outcome.code, 'ERR_PROCNATIVE_NO_BINARY', JSON.stringify(outcome))
  assert.match(outcome.message, message)
  return outcome
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

test('BINARIES: has every target of package.json', () => {
  const architectures = { x86_64: 'x64', aarch64: 'arm64' }
  const libraries = { gnu: 'glibc', musl: 'musl' }
  const targets = napi.targets.map((target) => target.split('-'))
  const keys = targets.map(([arch, , system, abi]) => `${system}-${architectures[arch]}-${libraries[abi]}`)
  assert.deepEqual(keys.sort(), Object.keys(BINARIES).sort())
  const names = targets.map(([arch, , system, abi]) => `${system}-${architectures[arch]}-${abi}`)
  assert.deepEqual(
    names.sort(),
    Object.values(BINARIES)
      .map((one) => one.name)
      .sort(),
  )
  for (const { name, fromPackage } of Object.values(BINARIES)) {
    assert.match(String(fromPackage), new RegExp(`'@procnative/binding-${name}'`))
  }
})

test('loading: a package of its own carries the binary', async (t) => {
  const outcome = await load(project(t, { packaged: fs.readFileSync(built) }))
  assert.equal(outcome.session, session, outcome.message)
})

test('loading: a package of another version is refused', async (t) => {
  const directory = project(t, { packaged: fs.readFileSync(built), packageVersion: '999.0.0' })
  await refused(
    directory,
    {},
    new RegExp(`${packageName} is from procnative ${escaped(version)}, but .* 999\\.0\\.0\\. Use`),
  )
})

test('loading: the error for a missing binary names a command', async (t) => {
  const directory = project(t)
  const { cause } = await refused(
    directory,
    {},
    new RegExp(`${escaped(file)} is missing.* in ${directory} to build it with cargo$`),
  )
  assert.match(cause, /MODULE_NOT_FOUND/)
})

test('loading: the error for another architecture names both', async (t) => {
  const binary = foreignBinary()
  const directory = project(t, { binary })
  const message = new RegExp(
    `${escaped(path.join(directory, file))} is for ${foreign.key}, but this Node.js is for ${here}. Install procnative`,
  )
  await refused(directory, {}, message)
})

test('loading: the error for another C library names both', async (t) => {
  // Like a binary for musl: without symbol versions, and with a library that does not exist.
  const text = fs.readFileSync(built, 'latin1').replaceAll('GLIBC_', 'OTHER_').replaceAll('libc.so.6', 'libc.so.9')
  const directory = project(t, { binary: Buffer.from(text, 'latin1') })
  await refused(directory, {}, new RegExp(`is for ${here.replace('glibc', 'musl')}, but this Node.js is for ${here}`))
})

test('loading: the error for a damaged binary comes from the linker', async (t) => {
  await refused(project(t, { binary: 'damaged' }), {}, /file too short|invalid ELF header|Exec format/i)
})

test('loading: the error names --no-addons', needs('Node.js', isNode), async () => {
  const { cause } = await refused(root, { execArgv: ['--no-addons'] }, /runs with --no-addons\. Remove that option$/)
  assert.equal(cause, 'ERR_DLOPEN_DISABLED')
})

const permission = ['--permission', '--experimental-permission'].find((one) =>
  process.allowedNodeEnvironmentFlags.has(one),
)

test('loading: the error names the permission model', needs('Node.js', isNode), async () => {
  await refused(root, { execArgv: [permission, '--allow-fs-read=*'] }, /permission model\. Add --allow-addons$/)
})

test('loading: the error names --no-addons, with --allow-addons', needs('Node.js', isNode), async () => {
  const execArgv = [permission, '--allow-fs-read=*', '--allow-addons', '--no-addons']
  await refused(root, { execArgv }, /runs with --no-addons\. Remove that option$/)
})

test('loading: works with the permission model and addons', needs('Node.js', isNode), async () => {
  const outcome = await load(root, { execArgv: [permission, '--allow-fs-read=*', '--allow-addons'] })
  assert.equal(outcome.session, session, outcome.message)
})

test('loading: works in a directory that is not UTF-8, without /proc', needs('Node.js', isNode), async (t) => {
  const parent = temporary(t)
  fs.mkdirSync(Buffer.concat([Buffer.from(`${parent}/`), Buffer.from([0xe9])]))
  // The permission model hides /proc.
  const node = [
    process.execPath,
    permission,
    '--allow-addons',
    `--allow-fs-read=${root}*`,
    fixture('package/load-package.cjs'),
    root,
  ]
  const { stdout, stderr } = await run('sh', ['-c', 'cd "$0"/$(printf "\\351") && exec "$@"', parent, ...node]).ended
  assert.equal(JSON.parse(stdout).session, session, stdout + stderr)
})

test('PROCNATIVE_BINARY: loads that file, whatever its name', async (t) => {
  const binary = path.join(temporary(t), 'asset')
  fs.copyFileSync(built, binary)
  const outcome = await load(project(t), { env: { PROCNATIVE_BINARY: binary } })
  assert.equal(outcome.session, session, outcome.message)
})

test('PROCNATIVE_BINARY: tries no other file', async () => {
  await refused(root, { env: { PROCNATIVE_BINARY: '/nowhere/binary' } }, /\/nowhere\/binary/)
})

test('PROCNATIVE_BINARY: a relative path is refused', async () => {
  await refused(root, { env: { PROCNATIVE_BINARY: file } }, /must be an absolute path\. Received 'procnative/)
})

test('PROCNATIVE_BINARY: a binary of another architecture is refused', async (t) => {
  const binary = path.join(temporary(t), 'binary.node')
  fs.writeFileSync(binary, foreignBinary())
  await refused(
    root,
    { env: { PROCNATIVE_BINARY: binary } },
    new RegExp(`is for ${foreign.key}, but .*\\. Set PROCNATIVE_BINARY to`),
  )
})

test('PROCNATIVE_BINARY: a binary of another version is refused', async (t) => {
  const directory = project(t, { packageVersion: '999.0.0' })
  await refused(directory, { env: { PROCNATIVE_BINARY: built } }, /is from procnative \d.*, but .* 999\.0\.0\. Use/)
})

const canBecomeAnother = needs('Node.js, root and setpriv', isNode && isRoot && hasProgram('setpriv'))

test('PROCNATIVE_BINARY: a set-user-ID Node.js ignores it', canBecomeAnother, async (t) => {
  const directory = temporary(t)
  const node = path.join(directory, 'node')
  fs.copyFileSync(process.execPath, node)
  fs.chmodSync(node, 0o4755)
  const installed = project(t, { binary: fs.readFileSync(built) })
  execFileSync('chmod', ['-R', 'a+rX', path.dirname(path.dirname(installed))])
  const script = path.join(directory, 'load.cjs')
  fs.copyFileSync(fixture('package/load-package.cjs'), script)
  const as = (id) => ['--reuid', id, '--regid', id, '--clear-groups', node, script, installed]
  const env = { ...process.env, PROCNATIVE_BINARY: '/nowhere/binary' }
  const { stdout, stderr } = await run('setpriv', as('65534'), { env }).ended
  assert.equal(JSON.parse(stdout).session, session, stdout + stderr)
  const { stdout: ofRoot } = await run('setpriv', as('0'), { env }).ended
  assert.equal(JSON.parse(ofRoot).code, 'ERR_PROCNATIVE_NO_BINARY')
})
