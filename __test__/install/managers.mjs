// Package managers, and how each installs a tarball into a project.

import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const { install, installRuntime } = createRequire(import.meta.url)('../../scripts/runtimes.js')

const npm = {
  add: (what) => ['install', '--no-audit', '--no-fund', what],
  ignoreScripts: ['--ignore-scripts'],
}

// How a package manager says that it has not run a script, or would.
export const BLOCKED =
  /install-scripts|allow-?scripts|ignored build scripts|approve-builds|lifecycle|disabled build|must be built/i

export const MANAGERS = {
  'npm 11': { package: 'npm@11', script: 'npm/bin/npm-cli.js', ...npm },
  'npm 12': { package: 'npm@12', script: 'npm/bin/npm-cli.js', ...npm },
  pnpm: {
    package: 'pnpm',
    script: 'pnpm/bin/pnpm.mjs',
    add: (what) => ['add', what],
    ignoreScripts: ['--ignore-scripts'],
  },
  'yarn 1': {
    package: 'yarn@1',
    script: 'yarn/bin/yarn.js',
    add: (what) => ['add', '--no-lockfile', what],
    ignoreScripts: ['--ignore-scripts'],
  },
  'yarn 4': yarn4('node-modules'),
  'yarn 4, Plug’n’Play': { ...yarn4('pnp'), plugAndPlay: true },
}

function yarn4(linker) {
  return {
    package: '@yarnpkg/cli-dist@4',
    script: '@yarnpkg/cli-dist/bin/yarn.js',
    add: (what) => ['add', what.replace(/^(?=\/)/, 'procnative@file:')],
    // It has no option for it.
    ignoreScripts: [],
    noScripts: { YARN_ENABLE_SCRIPTS: '0' },
    prepare: (project) => {
      fs.writeFileSync(path.join(project, 'yarn.lock'), '')
      fs.writeFileSync(path.join(project, '.yarnrc.yml'), `nodeLinker: ${linker}\npnpEnableEsmLoader: true\n`)
    },
    // In CI it would refuse to write its lock file.
    env: {
      YARN_NPM_REGISTRY_SERVER: registry(),
      YARN_ENABLE_IMMUTABLE_INSTALLS: '0',
      YARN_ENABLE_TELEMETRY: '0',
      YARN_ENABLE_GLOBAL_CACHE: '0',
    },
  }
}

// That which the machine's npm is set up for, without its last slash: the one thing that all of them are told.
function registry() {
  return execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    .trim()
    .replace(/\/$/, '')
}

/** A PATH of Node.js and a shell: no compiler, no cargo, no Python, nothing that an install could build with. */
export function barePath(directory, node) {
  const bin = path.join(directory, 'bin')
  fs.mkdirSync(bin, { recursive: true })
  fs.symlinkSync(node, path.join(bin, 'node'))
  fs.symlinkSync('/bin/sh', path.join(bin, 'sh'))
  return bin
}

// What runs above us, npm itself most of all, is not to be heard.
export function environment(bin, more) {
  const foreign = /^(npm_|YARN_|PNPM_|NODE_OPTIONS|NODE_TEST_CONTEXT|INIT_CWD|CARGO|RUST|CC$|CXX$)/i
  const own = Object.entries(process.env).filter(([name]) => !foreign.test(name))
  return { ...Object.fromEntries(own), PATH: bin, npm_config_registry: registry(), ...more }
}

/** Installs `what` into `project`; returns what the package manager has said. */
export function add(manager, what, { project, bin, scripts }) {
  const { package: from, script, ignoreScripts, noScripts, env } = manager
  const command = [path.join(install(from), script), ...manager.add(what), ...(scripts ? [] : ignoreScripts)]
  const { status, stdout, stderr } = spawnSync(path.join(bin, 'node'), command, {
    cwd: project,
    encoding: 'utf8',
    env: environment(bin, { ...env, ...(scripts ? {} : noScripts) }),
  })
  if (status !== 0) throw new Error(`${from} has failed:\n${stdout}${stderr}`)
  return stdout + stderr
}

export { install, installRuntime }
