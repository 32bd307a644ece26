// Released tarballs: one with the binary that most machines need, and one for each other machine.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { stat } from '../helpers/proc.mjs'
import { root } from '../helpers/run.mjs'

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-release-'))
after(() => fs.rmSync(directory, { recursive: true, force: true }))

const X64 = 'procnative.linux-x64-gnu.node'
const ARM64 = 'procnative.linux-arm64-gnu.node'
const ELF_MACHINE = 18

const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
const read = (...names) => JSON.parse(fs.readFileSync(path.join(...names, 'package.json'), 'utf8'))

const built = path.join(root, X64)
const skip = fs.existsSync(built) ? false : `NOT TESTED: ${X64} is not there`

// The binary of this machine as if built with the glibc of releases, and the same as if for another architecture.
const ours = Buffer.from(
  skip ? '' : fs.readFileSync(built, 'latin1').replace(/GLIBC_2\.(29|[3-9]\d)/g, 'GLIBC_2.28'),
  'latin1',
)
const foreign = Buffer.from(ours)
if (!skip) foreign.writeUInt16LE(183, ELF_MACHINE)

function checkout(name, binaries) {
  const where = path.join(directory, name)
  const skipped = ['.git', 'node_modules', 'target', 'npm', 'benchmark', 'examples', '__test__']
  fs.cpSync(root, where, {
    recursive: true,
    filter: (source) => !skipped.includes(path.relative(root, source)) && !source.endsWith('.node'),
  })
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(where, 'node_modules'))
  fs.mkdirSync(path.join(where, 'built'))
  for (const [file, content] of Object.entries(binaries)) fs.writeFileSync(path.join(where, 'built', file), content)
  return where
}

function release(where, env) {
  const foreign = Object.entries(process.env).filter(([name]) => !/^(GITHUB_|npm_)/.test(name))
  return spawnSync(process.execPath, ['scripts/release.js', 'built', 'tarballs'], {
    cwd: where,
    encoding: 'utf8',
    env: { ...Object.fromEntries(foreign), ...env },
  })
}

function unpacked(tarball) {
  const where = fs.mkdtempSync(path.join(directory, 'unpacked-'))
  execFileSync('tar', ['-xzf', tarball, '-C', where])
  return path.join(where, 'package')
}

const GITHUB = { GITHUB_SERVER_URL: 'https://forge.example', GITHUB_REPOSITORY: 'owner/procnative' }

test('release: one tarball has the x64 binary, names the other packages', {
  contract: 'I2',
  skip,
}, () => {
  const where = checkout('released', { [X64]: ours, [ARM64]: foreign })
  const { status, stderr } = release(where, { ...GITHUB, GITHUB_REF_TYPE: 'tag', GITHUB_REF_NAME: `v${version}` })
  assert.equal(status, 0, stderr)
  const tarballs = fs.readdirSync(path.join(where, 'tarballs')).sort()
  assert.deepEqual(tarballs, [`procnative-${version}.tgz`, `procnative-binding-linux-arm64-gnu-${version}.tgz`])

  const [whole, other] = tarballs.map((name) => unpacked(path.join(where, 'tarballs', name)))
  assert.deepEqual(read(whole).optionalDependencies, { '@procnative/binding-linux-arm64-gnu': version })
  assert.deepEqual(
    fs.readdirSync(whole).filter((name) => name.endsWith('.node')),
    [X64],
  )
  assert.deepEqual(fs.readdirSync(other).sort(), ['LICENSE', 'README.md', 'package.json', ARM64])
  const { os, cpu, libc } = read(other)
  assert.deepEqual({ os, cpu, libc }, { os: ['linux'], cpu: ['arm64'], libc: ['glibc'] })
  const repository = { type: 'git', url: 'git+https://forge.example/owner/procnative.git' }
  for (const one of [whole, other].map((directory) => read(directory))) {
    assert.deepEqual(one.repository, repository)
    assert.equal(one.type, 'commonjs')
  }
})

test('release: a binary in its own package is found', { contract: 'I2', skip }, () => {
  // Installed as on another machine: under the name that a package for this machine would have.
  const where = fs.mkdtempSync(path.join(directory, 'project-'))
  const name = '@procnative/binding-linux-x64-gnu'
  const binding = path.join(where, 'node_modules', name)
  fs.mkdirSync(binding, { recursive: true })
  fs.writeFileSync(path.join(binding, 'package.json'), JSON.stringify({ name, version, main: X64 }))
  fs.copyFileSync(built, path.join(binding, X64))
  for (const part of ['package.json', 'index.js', 'lib']) {
    fs.cpSync(path.join(root, part), path.join(where, 'node_modules/procnative', part), { recursive: true })
  }
  const script = 'process.stdout.write(String(require("procnative").getsid(0)))'
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { cwd: where, encoding: 'utf8' })
  assert.deepEqual([stdout, stderr], [String(stat('self').session), ''])
})

for (const [title, binaries, env, says] of [
  ['a missing binary', { [X64]: ours }, {}, /linux-arm64-gnu\.node is missing/],
  ['a binary for another machine', { [X64]: ours, [ARM64]: ours }, {}, /is no binary for arm64/],
  [
    'a binary that needs a newer glibc than Node.js does',
    { [X64]: Buffer.concat([ours, Buffer.from('GLIBC_2.34')]), [ARM64]: foreign },
    {},
    /needs glibc 2\.34/,
  ],
  [
    'a tag of another version',
    { [X64]: ours, [ARM64]: foreign },
    { GITHUB_REF_TYPE: 'tag', GITHUB_REF_NAME: 'v99.0.0' },
    /is not that of version/,
  ],
]) {
  test(`release: refuses ${title}`, { contract: 'I2', skip }, () => {
    const where = checkout(title, binaries)
    const { status, stderr } = release(where, env)
    assert.equal(status, 1)
    assert.match(stderr, says)
    assert.ok(!fs.existsSync(path.join(where, `tarballs/procnative-${version}.tgz`)))
  })
}
