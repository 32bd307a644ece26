'use strict'

// Packs the tarballs to publish, from a checkout and the binaries that were built from it:
//
//   node scripts/release.js <directory with the binaries> <directory for the tarballs>
//
// The package procnative carries the binary for most machines. Each other binary has its own package, which becomes an optional
// dependency. The script changes files of the checkout: use a temporary one.

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const root = path.dirname(__dirname)
const CARRIED = 'linux-x64-gnu'

// Values of e_machine in elf(5), by the architecture's name in Node.js.
const MACHINES = { x64: 62, arm64: 183 }
// Minor version of the glibc that Node.js's own binaries need. So procnative runs on each machine that runs them.
const MAX_GLIBC_MINOR = 28

function refuse(message) {
  console.error(`release: ${message}`)
  process.exit(1)
}

// Exits if a binary is not for its architecture, or needs a newer glibc than Node.js does.
function check(file, arch) {
  const binary = fs.readFileSync(file)
  const machine = binary.readUInt16LE(18)
  if (binary.readUInt32BE(0) !== 0x7f454c46 || machine !== MACHINES[arch]) refuse(`${file} is no binary for ${arch}`)
  const needs = Math.max(...[...binary.toString('latin1').matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => minor))
  if (needs > MAX_GLIBC_MINOR) refuse(`${file} needs glibc 2.${needs}; what is published needs 2.${MAX_GLIBC_MINOR}`)
}

const write = (directory, what) =>
  fs.writeFileSync(path.join(directory, 'package.json'), `${JSON.stringify(what, null, 2)}\n`)
const read = (directory) => JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8'))

function pack(directory, target) {
  // Run no scripts: they would build the addon again, on this machine.
  const options = ['pack', '--ignore-scripts', '--pack-destination', target]
  execFileSync('npm', options, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] })
}

const [binaries, tarballs] = process.argv.slice(2).map((directory) => path.resolve(directory))
if (!tarballs) refuse('give a directory with the binaries, and one for the tarballs')

const manifest = read(root)
const { version } = manifest
const { GITHUB_REF_TYPE: kind, GITHUB_REF_NAME: tag } = process.env
if (kind === 'tag' && tag !== `v${version}`) refuse(`the tag ${tag} is not that of version ${version}`)
const crate = fs.readFileSync(path.join(root, 'Cargo.toml'), 'utf8').match(/^version = "(.*)"$/m)[1]
if (crate !== version) refuse(`Cargo.toml has version ${crate}, package.json has ${version}`)

// Provenance names the repository of the build. npm compares that with this field.
const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env
if (server && repository) manifest.repository = { type: 'git', url: `git+${server}/${repository}.git` }
write(root, manifest)

fs.mkdirSync(tarballs, { recursive: true })
fs.rmSync(path.join(root, 'npm'), { recursive: true, force: true })
execFileSync(path.join(root, 'node_modules/.bin/napi'), ['create-npm-dirs'], { cwd: root, stdio: 'inherit' })

const optional = {}
for (const platform of fs.readdirSync(path.join(root, 'npm'))) {
  const directory = path.join(root, 'npm', platform)
  const own = read(directory)
  const { name, main, cpu } = own
  const binary = path.join(binaries, main)
  if (!fs.existsSync(binary)) refuse(`${binary} is missing`)
  check(binary, cpu[0])
  if (platform === CARRIED) {
    fs.copyFileSync(binary, path.join(root, main))
    continue
  }
  // Without `type`, Node.js has to guess the module system, and publint reports that.
  write(directory, { ...own, type: 'commonjs' })
  fs.copyFileSync(binary, path.join(directory, main))
  fs.copyFileSync(path.join(root, 'LICENSE'), path.join(directory, 'LICENSE'))
  pack(directory, tarballs)
  optional[name] = version
}
write(root, { ...manifest, optionalDependencies: optional })
pack(root, tarballs)
console.log(fs.readdirSync(tarballs).join('\n'))
