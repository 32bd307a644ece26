// Bundlers and single executables: a program with the tarball (bundled/), and the blocks of docs/guides/bundlers.md.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { stat } from '../helpers/proc.mjs'
import { root } from '../helpers/run.mjs'
import { buildSea, buildsItself } from '../helpers/sea.mjs'
import { barePath, environment, install, installRuntime } from './managers.mjs'
import { pack, project, wanted } from './packed.mjs'

const NODES = ['node@24', 'node@26']
const PACKAGES = ['esbuild', 'webpack', 'webpack-cli', 'node-loader', '@vercel/ncc', '@vercel/nft', 'postject']
const BINARY = 'procnative.linux-x64-gnu.node'

const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-bundlers-')))
after(() => fs.rmSync(directory, { recursive: true, force: true }))

const nodes = NODES.map((name) => ({ name, ...wanted(() => installRuntime(name)) }))
const [builder] = nodes
// One directory for all, because webpack looks for its command line beside itself.
const { value: tools, reason: toolsMissing } = wanted(() => install(...PACKAGES))
const skip = toolsMissing ?? builder.reason ?? (process.arch === 'x64' ? false : 'NOT TESTED: the tarball is for x64')

before(() => {
  if (skip) return
  project(directory, {
    tarball: pack(directory),
    sources: path.join(root, '__test__/install/bundled'),
    packages: Object.fromEntries(['@vercel/nft', 'node-loader'].map((name) => [name, tools])),
  })
  for (const { name, value } of nodes) barePath(path.join(directory, name), value)
})

const binOf = ({ name }) => path.join(directory, name, 'bin')

function run(node, args, options = {}) {
  const settings = { cwd: directory, encoding: 'utf8', env: environment(binOf(node)), ...options }
  return spawnSync(node.value, args, settings)
}

/** Runs one of the bundlers; returns its output. */
function bundle(name, ...args) {
  const settings = { cwd: directory, encoding: 'utf8', env: environment(binOf(builder)) }
  const { status, stdout, stderr } = spawnSync(path.join(tools, '.bin', name), args, settings)
  assert.equal(status, 0, stdout + stderr)
  return stdout + stderr
}

const esbuild = (...args) => bundle('esbuild', '--bundle', '--platform=node', '--log-level=warning', ...args)

/** Moves `output` to a directory without node_modules. */
function alone(output) {
  const elsewhere = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-alone-'))
  after(() => fs.rmSync(elsewhere, { recursive: true, force: true }))
  fs.cpSync(path.join(directory, output), elsewhere, { recursive: true })
  return elsewhere
}

function works(program, args, env = environment(binOf(builder))) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: os.tmpdir(), encoding: 'utf8', env })
  assert.deepEqual([status, stderr], [0, ''])
  const { session, ...told } = JSON.parse(stdout)
  assert.equal(session, stat('self').session)
  assert.deepEqual(told, { exitCode: 7, launched: 0, killed: false, answer: 'from worker,one' })
}

const WEBPACK = {
  mode: 'production',
  target: 'node',
  stats: 'errors-warnings',
  node: { __dirname: false },
  module: { rules: [{ test: '/\\.node$/', loader: 'node-loader' }] },
}

function webpack(name, more) {
  const config = JSON.stringify({ ...WEBPACK, ...more }).replace('"/\\\\.node$/"', '/\\.node$/')
  fs.writeFileSync(path.join(directory, `${name}.config.cjs`), `module.exports = ${config}`)
  return bundle('webpack', '--config', `${name}.config.cjs`)
}

describe('bundles', { skip }, () => {
  test('esbuild: a bundle with a copy of the binary works alone', () => {
    assert.equal(esbuild('main.cjs', '--loader:.node=copy', '--outdir=esbuild'), '')
    works(builder.value, [path.join(alone('esbuild'), 'main.js')])
  })

  test('esbuild: a bundle without the binary takes PROCNATIVE_BINARY', () => {
    esbuild('main.cjs', '--external:*.node', '--outfile=without/main.js')
    const script = path.join(alone('without'), 'main.js')
    const { status, stderr } = run(builder, [script])
    assert.equal(status, 1)
    assert.match(stderr, /ERR_PROCNATIVE_NO_BINARY/)
    assert.match(stderr, /this bundle lacks procnative\.linux-x64-gnu\.node\. Mark procnative as external/)
    const PROCNATIVE_BINARY = path.join(directory, 'node_modules/procnative', BINARY)
    works(builder.value, [script], environment(binOf(builder), { PROCNATIVE_BINARY }))
  })

  test('webpack: a bundle with the binary works alone, without a warning', () => {
    const output = { path: path.join(directory, 'webpack') }
    assert.equal(webpack('copied', { entry: './main.cjs', output }), 'webpack compiled successfully\n')
    works(builder.value, [path.join(alone('webpack'), 'main.js')])
  })

  test('webpack: a bundled module is ready after its top-level await', () => {
    const output = { path: path.join(directory, 'late'), module: true, filename: '[name].mjs', chunkFormat: 'module' }
    webpack('late', { entry: './late.mjs', output, experiments: { outputModule: true } })
    const { status, stderr } = run(builder, [path.join(directory, 'late/main.mjs')])
    assert.equal(status, 1)
    assert.match(stderr, /ERR_PROCNATIVE_DAEMON_EXITED/)
    assert.match(stderr, /too late/)
  })

  test('ncc: a bundle works alone', () => {
    bundle('ncc', 'build', 'main.cjs', '--quiet', '--out', 'ncc')
    works(builder.value, [path.join(alone('ncc'), 'index.cjs')])
  })

  test('nft: finds the binary, and a package with a binary', async () => {
    const other = path.join(directory, 'node_modules/@procnative/binding-linux-arm64-gnu')
    fs.mkdirSync(other, { recursive: true })
    fs.writeFileSync(path.join(other, 'package.json'), JSON.stringify({ main: 'procnative.linux-arm64-gnu.node' }))
    fs.writeFileSync(path.join(other, 'procnative.linux-arm64-gnu.node'), '')
    const { nodeFileTrace } = createRequire(path.join(directory, 'main.cjs'))('@vercel/nft')
    const { fileList } = await nodeFileTrace([path.join(directory, 'main.cjs')], { base: directory })
    const files = [...fileList].filter((name) => name.endsWith('.node')).sort()
    assert.deepEqual(files, [
      'node_modules/@procnative/binding-linux-arm64-gnu/procnative.linux-arm64-gnu.node',
      `node_modules/procnative/${BINARY}`,
    ])
  })
})

for (const node of nodes) {
  describe(`single executables of ${node.name}`, { skip: skip || node.reason }, () => {
    test('single executable: spawn(), fork(), daemonize() work, execArgv in the configuration', () => {
      esbuild('single.cjs', '--external:*.node', '--outfile=single.js')
      const home = fs.mkdtempSync(path.join(directory, 'sea-'))
      const { stdout: version } = run(node, ['--version'])
      const inject = (args) => bundle('postject', ...args)
      const application = buildSea(home, {
        node: node.value,
        main: path.join(directory, 'single.js'),
        more: {
          execArgv: ['--no-deprecation', '--max-old-space-size=123'],
          assets: { 'procnative.node': path.join(directory, 'node_modules/procnative', BINARY) },
        },
        inject: buildsItself(version) ? undefined : inject,
      })
      works(path.join(alone(path.relative(directory, home)), path.basename(application)), [])
    })

    test('docs/guides/bundlers.md: its blocks work', () => {
      const PATH = [binOf(node), path.join(tools, '.bin'), process.env.PATH].join(':')
      const only = ['--test-name-pattern=docs/guides/bundlers\\.md', '--test-reporter=tap']
      const { status, stdout, stderr } = run(node, ['--test', ...only, '__test__/package/docs-blocks.spec.mjs'], {
        cwd: root,
        env: environment('', { PATH, PROCNATIVE_PAGES_PACKAGES: path.join(tools, 'node-loader') }),
      })
      assert.equal(status, 0, stdout + stderr)
      assert.match(stdout, /^ok \d+ - docs\/guides\/bundlers\.md:\d+: \S+$/m)
      const skipped = [...stdout.matchAll(/# SKIP SKIPPED.*$/gm)].map(([text]) => text)
      const expected = skipped.filter((text) => text.endsWith('needs Node.js 26'))
      assert.deepEqual(skipped, node.name === 'node@26' ? [] : expected)
    })
  })
}
