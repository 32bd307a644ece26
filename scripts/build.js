'use strict'

// Builds the addon with cargo, and replaces the old addon after a process has loaded the new one:
//
//   node scripts/build.js [--debug]
//
// A debug build takes a quarter of the time. It has overflow checks and line numbers, but no optimization.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { BINARIES, machine } = require('../lib/core/binaries.js')

const root = path.dirname(__dirname)

function fail(message) {
  console.error(`procnative: ${message}`)
  process.exit(1)
}

const here = machine()
const platform = BINARIES[here]?.name
if (!platform) fail(`no build exists for ${here}, only for ${Object.keys(BINARIES).join(' and ')}`)

const cargo = process.env.CARGO ?? 'cargo'
if (spawnSync(cargo, ['--version']).error) {
  fail('the build needs cargo, but cargo is missing. Install Rust 1.88 or newer, or use the published package')
}

try {
  fs.accessSync(root, fs.constants.W_OK)
} catch {
  fail(`${root} is read-only for this user. Build the addon in a writable directory`)
}

// Keep the paths of this machine out of the binary: panics name their source files.
const cargoHome = process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo')
const sysroot = spawnSync('rustc', ['--print', 'sysroot'], { encoding: 'utf8' }).stdout?.trim()
const remap = [[root, '.'], [cargoHome, 'cargo'], ...(sysroot ? [[sysroot, 'rust']] : [])].map(
  ([from, to]) => `--remap-path-prefix=${from}=${to}`,
)

const isDebug = process.argv.includes('--debug')
const built = spawnSync(cargo, ['build', '--locked', ...(isDebug ? [] : ['--release'])], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, CARGO_ENCODED_RUSTFLAGS: remap.join('\x1f') },
})
if (built.status !== 0) fail('cargo failed to build the addon. See its output above')

const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target')
const library = path.join(target, isDebug ? 'debug' : 'release', 'libprocnative.so')
const addon = path.join(root, `procnative.${platform}.node`)
// The name must end in .node, so that `require` can load the file. A rename lets a running process keep the old addon.
const temporary = path.join(root, `procnative.build-${process.pid}.node`)
fs.copyFileSync(library, temporary)
const load = ['-e', 'require(process.argv[1]).getsid(0)', temporary]
const loaded = spawnSync(process.execPath, load, { encoding: 'utf8' })
if (loaded.status !== 0) {
  fs.rmSync(temporary)
  fail(`Node.js can't load the new addon:\n${loaded.stderr}`)
}
fs.renameSync(temporary, addon)
console.log(`procnative: built ${path.basename(addon)}`)
