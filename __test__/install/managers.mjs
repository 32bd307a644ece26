// Package managers: the command of each to install a tarball into a project.

import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const { install, installRuntime } = createRequire(import.meta.url)('../../scripts/runtimes.js')

const npm = {
  add: (what) => ['install', '--no-audit', '--no-fund', what],
  ignoreScripts: ['--ignore-scripts'],
}

// Messages of package managers about scripts that they have blocked or would run.
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
    // yarn 4 has no option for it, only the variable below.
    ignoreScripts: [],
    noScripts: { YARN_ENABLE_SCRIPTS: '0' },
    prepare: (project) => {
      fs.writeFileSync(path.join(project, 'yarn.lock'), '')
      fs.writeFileSync(path.join(project, '.yarnrc.yml'), `nodeLinker: ${linker}\npnpEnableEsmLoader: true\n`)
    },
    // In CI, yarn 4 refuses to write its lock file by default.
    env: {
      YARN_NPM_REGISTRY_SERVER: registry(),
      YARN_ENABLE_IMMUTABLE_INSTALLS: '0',
      YARN_ENABLE_TELEMETRY: '0',
      YARN_ENABLE_GLOBAL_CACHE: '0',
    },
  }
}

/** Returns the registry of the machine's npm, without the final slash. All package managers use it. */
function registry() {
  return execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    .trim()
    .replace(/\/$/, '')
}

/** Makes a directory for PATH with Node.js and a shell, without any tool that could build an addon. */
export function barePath(directory, node) {
  const bin = path.join(directory, 'bin')
  fs.mkdirSync(bin, { recursive: true })
  fs.symlinkSync(node, path.join(bin, 'node'))
  fs.symlinkSync('/bin/sh', path.join(bin, 'sh'))
  return bin
}

/** Returns the environment without variables of npm and other tools that run these tests. */
export function environment(bin, more) {
  const foreign = /^(npm_|YARN_|PNPM_|NODE_OPTIONS|NODE_TEST_CONTEXT|INIT_CWD|CARGO|RUST|CC$|CXX$)/i
  const own = Object.entries(process.env).filter(([name]) => !foreign.test(name))
  return { ...Object.fromEntries(own), PATH: bin, npm_config_registry: registry(), ...more }
}

/** Installs `what` into `project`; returns the output of the package manager. */
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
