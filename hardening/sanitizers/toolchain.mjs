// The tools of the steps, and builds with them.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))
const here = path.join(root, 'hardening/sanitizers')
const TARGET = 'x86_64-unknown-linux-gnu'

/** The directory of builds and logs, inside cargo's target directory, which git ignores. */
export const work = path.join(root, 'target/sanitizers')

/** The reason why a step can't run on this machine. The step is skipped. */
export class Missing extends Error {}

/** Runs a program with its output in a log. Returns the output, and true if the program succeeded. */
export function logged(name, program, args, options) {
  fs.mkdirSync(work, { recursive: true })
  const log = path.join(work, `${name}.log`)
  const output = fs.openSync(log, 'w')
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ['ignore', output, output], ...options })
  fs.closeSync(output)
  if (error) throw error
  return { log, isWell: status === 0, text: fs.readFileSync(log, 'utf8') }
}

function answer(program, ...args) {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

export function needsProgram(program) {
  if (answer(program, '--version') === undefined) throw new Missing(`${program} is not installed`)
}

function sysroot() {
  const found = answer('rustc', '+nightly', '--print', 'sysroot')
  if (!found) throw new Missing('there is no nightly toolchain')
  return found
}

/** Returns GCC's runtime, which can be preloaded. Rust's runtime can only be linked into programs. */
function runtime() {
  needsProgram('cc')
  const found = answer('cc', '-print-file-name=libasan.so')
  if (!path.isAbsolute(found)) throw new Missing('there is no libasan.so')
  return fs.realpathSync(found)
}

/** Compiles a C file of this directory; returns the linker's argument for it. */
function object(name) {
  needsProgram('cc')
  fs.mkdirSync(work, { recursive: true })
  const made = path.join(work, `${name}.o`)
  const { status } = spawnSync('cc', ['-O2', '-fPIC', '-fno-builtin', '-c', path.join(here, `${name}.c`), '-o', made], {
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error(`${name}.c does not compile`)
  return `-Clink-arg=${made}`
}

/** The flags of each sanitizer. ThreadSanitizer must see the atomics of std's locks, or it finds no order in them. */
const SANITIZERS = {
  address: () => ({ flags: [], std: [] }),
  thread: () => {
    if (!fs.existsSync(path.join(sysroot(), 'lib/rustlib/src/rust/library/std'))) {
      throw new Missing('nightly has no rust-src, to build std with')
    }
    return { flags: ['-Clink-arg=-Wl,--wrap=clone', object('thread')], std: ['-Zbuild-std'] }
  },
}

/** Runs a cargo command with a sanitizer. */
export function sanitized(sanitizer, name, [command, ...args], flags = [], env = {}) {
  sysroot()
  const { flags: always, std } = SANITIZERS[sanitizer]()
  const all = ['+nightly', command, ...std, '--locked', '--target', TARGET, ...args]
  const RUSTFLAGS = [`-Zsanitizer=${sanitizer}`, '-Cforce-frame-pointers=yes', ...always, ...flags].join(' ')
  const CARGO_TARGET_DIR = path.join(work, sanitizer)
  return logged(name, 'cargo', all, { env: { ...process.env, ...env, RUSTFLAGS, CARGO_TARGET_DIR } })
}

/** Calls `use` with a copy of the tree that has an addon for AddressSanitizer, and with the runtime. */
export function withAddon(use) {
  const library = runtime()
  // Reports need the names of functions.
  const env = { CARGO_PROFILE_RELEASE_STRIP: 'none', CARGO_PROFILE_RELEASE_DEBUG: 'line-tables-only' }
  const built = sanitized(
    'address',
    'addon-build',
    ['build', '--release'],
    ['-Clink-arg=-Wl,--wrap=clone', object('address')],
    env,
  )
  if (!built.isWell) throw new Error(`the addon could not be built: ${built.log}`)
  const tree = fs.mkdtempSync(path.join(fs.realpathSync('/tmp'), 'procnative-sanitizers-'))
  try {
    // Other users run programs in it.
    fs.chmodSync(tree, 0o755)
    for (const name of answer('git', '-C', root, 'ls-files', '-z').split('\0').filter(Boolean)) {
      fs.cpSync(path.join(root, name), path.join(tree, name))
    }
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'))
    const addon = path.join(work, 'address', TARGET, 'release/libprocnative.so')
    fs.copyFileSync(addon, path.join(tree, 'procnative.linux-x64-gnu.node'))
    return use(tree, library)
  } finally {
    fs.rmSync(tree, { recursive: true })
  }
}
