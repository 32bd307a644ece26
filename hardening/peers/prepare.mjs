// Prepares the scenarios outside of their namespaces: packages of this machine, Debian trees, the packed tarball.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { root } from '../../__test__/helpers/run.mjs'
import { needsContainers, needsMachine } from './groups.mjs'
import { printed } from './guide.mjs'
import { Missing } from './missing.mjs'
import { output } from './run.mjs'

const SUITE = 'bookworm'

/** The packages that this machine gets, each with one of its programs. */
const PACKAGES = {
  mmdebstrap: 'mmdebstrap',
  catatonit: 'catatonit',
  iproute2: 'ip',
}
const MACHINE_PACKAGES = { 'systemd-container': 'systemd-nspawn' }
const CONTAINER_PACKAGES = {
  podman: 'podman',
  conmon: 'conmon',
  crun: 'crun',
  runc: 'runc',
  // The seccomp profile that podman uses by default.
  'golang-github-containers-common': '/usr/share/containers/seccomp.json',
}

/** The libraries of a nodejs.org binary, and tools to inspect it. */
const IN_BOTH_TREES = ['libstdc++6', 'libatomic1', 'procps', 'curl']
const IN_THE_MACHINE = [
  ...['systemd', 'systemd-sysv', 'dbus', 'dbus-user-session', 'libpam-systemd'],
  ...['openssh-server', 'openssh-client', 'logrotate', 'cron', 'at', 'supervisor', 'tmux', 'screen'],
]

const isThere = (program) => spawnSync('sh', ['-c', 'command -v "$0" || test -e "$0"', program]).status === 0

/** Runs a program that needs the archive of Debian. */
async function fetching(program, args, options) {
  try {
    await output(program, args, { timeout: 600_000, ...options })
  } catch (error) {
    throw new Missing(error.message)
  }
}

/** Installs the packages of groups that this machine lacks, and prints their names. */
export async function installPackages(groups) {
  const wanted = {
    ...PACKAGES,
    ...(groups.some(needsMachine) ? MACHINE_PACKAGES : {}),
    ...(groups.some(needsContainers) ? CONTAINER_PACKAGES : {}),
  }
  const names = Object.keys(wanted).filter((name) => !isThere(wanted[name]))
  if (names.length === 0) return console.log('installs no package: all are there')
  console.log(`installs with apt-get, into this system: ${names.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await fetching('apt-get', ['update'], { env })
  await fetching('apt-get', ['install', '--yes', '--no-install-recommends', ...names], { env })
}

/** Packs the package as built, and installs the tarball as a user does. Returns the directory of the installation. */
export async function installTarball(scratch) {
  const app = path.join(scratch, 'app')
  fs.mkdirSync(app)
  await output('npm', ['pack', '--ignore-scripts', '--pack-destination', app], { cwd: root })
  const [tarball] = fs.readdirSync(app)
  fs.writeFileSync(path.join(app, 'package.json'), '{ "name": "app", "version": "1.0.0", "private": true }\n')
  await output('npm', ['install', '--no-audit', '--no-fund', `./${tarball}`], { cwd: app })
  console.log(`installed ${tarball} into ${app}`)
  return app
}

/** Makes the trees that groups need, with node and the app in them. */
export async function makeTrees(scratch, app, groups) {
  if (groups.some(needsMachine)) {
    const tree = await makeTree(path.join(scratch, 'machine'), [...IN_BOTH_TREES, ...IN_THE_MACHINE])
    fs.copyFileSync(process.execPath, path.join(tree, 'usr/bin/node'))
    await output('chroot', [tree, 'node', '--version'])
    await output('chroot', [tree, 'useradd', '--create-home', '--shell', '/bin/bash', 'user'])
    furnish(path.join(tree, 'srv/app'), app)
  }
  if (groups.some(needsContainers)) {
    const tree = await makeTree(path.join(scratch, 'image'), IN_BOTH_TREES)
    fs.copyFileSync(process.execPath, path.join(tree, 'usr/local/bin/node'))
    await installNpm(path.join(tree, 'usr/local'))
    await output('chroot', [tree, 'useradd', '--uid', '1000', 'node'])
    await output('chroot', [tree, 'npm', '--version'])
  }
}

async function makeTree(tree, packages) {
  console.log(`makes ${tree}: Debian ${SUITE} with ${packages.join(' ')}`)
  const include = `--include=${packages.join(',')}`
  await fetching('mmdebstrap', ['--quiet', '--variant=minbase', include, SUITE, tree])
  return tree
}

/** Installs this machine's npm, as the images of Node.js have one. */
async function installNpm(prefix) {
  const modules = (await output('npm', ['root', '--global'])).trim()
  fs.cpSync(path.join(modules, 'npm'), path.join(prefix, 'lib/node_modules/npm'), {
    recursive: true,
    dereference: true,
  })
  fs.symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', path.join(prefix, 'bin/npm'))
}

/** Puts the programs of the guides and of this directory beside an installed procnative. */
function furnish(directory, app) {
  fs.cpSync(app, directory, { recursive: true })
  fs.cpSync(path.join(root, 'hardening/peers/programs'), directory, { recursive: true })
  const write = (name, page) => fs.writeFileSync(path.join(directory, name), printed(page, name))
  write('app.js', 'README.md')
  write('main.js', 'docs/guides/systemd.md')
  write('server.js', 'docs/guides/zero-downtime.md')
}
