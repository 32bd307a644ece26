// npm run test:peers [-- systemd podman sshd logrotate launchers]: tests the packed tarball beside real service managers,
// container runtimes and launchers. Prints a table of peer, scenario, result and time. Fails if a scenario fails or leaves
// anything behind.
//
// Needs root, and Debian or a relative of it: it installs PACKAGES with apt-get, and makes two Debian trees from the same archive.
// One tree boots with systemd as PID 1, the other becomes the image of the containers. All scenarios run in namespaces of their
// own (inside.sh) with a read-only root file system. The directory of a run and its cgroup are removed at the end.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { eventually } from '../../__test__/helpers/until.mjs'
import { hasCgroups, makeCgroup, removeCgroup } from './cgroup.mjs'
import { GROUPS } from './groups.mjs'
import { Missing } from './missing.mjs'
import { installPackages, installTarball, makeTrees } from './prepare.mjs'
import { isWell, line, printTable } from './table.mjs'

const { positionals } = parseArgs({ allowPositionals: true })
const unknown = positionals.filter((name) => !Object.hasOwn(GROUPS, name))
if (unknown.length > 0) throw new Error(`no group ${unknown.join(', ')}: there are ${Object.keys(GROUPS).join(', ')}`)
const groups = positionals.length > 0 ? positionals : Object.keys(GROUPS)

const lack = lacking()
if (lack) {
  console.log(`SKIPPED, NOTHING WAS SHOWN: needs ${lack}`)
  process.exit()
}

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-peers-'))
fs.chmodSync(scratch, 0o755)
const cgroup = makeCgroup()
let inside
process.on('exit', () => {
  if (fs.existsSync(cgroup)) removeCgroup(cgroup)
  fs.rmSync(scratch, { recursive: true, force: true })
})
// With `inside`, the namespaces end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => (inside ? inside.kill('SIGKILL') : process.exit(1)))
}

try {
  await installPackages(groups)
  await makeTrees(scratch, await installTarball(scratch), groups)
  await runGroups()
} catch (error) {
  // In CI, a skip would go unread.
  if (!(error instanceof Missing) || process.env.CI) throw error
  console.log(`SKIPPED, NOTHING WAS SHOWN: ${error.message}`)
}

async function runGroups() {
  const rows = await runInside()
  let left
  await eventually(() => {
    left = removeCgroup(cgroup)
    return left.length === 0
  })
  if (left.length > 0) rows.push(failure('end', `in the cgroup are left: ${left.join(', ')}`))
  printTable(rows)
  process.exitCode = isWell(rows) ? 0 : 1
}

async function runInside() {
  const results = path.join(scratch, 'results')
  fs.writeFileSync(results, '')
  const script = fileURLToPath(new URL('inside.sh', import.meta.url))
  inside = spawn('sh', [script, cgroup, scratch, process.execPath, ...groups], { stdio: 'inherit' })
  const [code, signal] = await once(inside, 'exit')
  const rows = fs.readFileSync(results, 'utf8').split('\n').filter(Boolean).map(JSON.parse)
  return code === 0 ? rows : [...rows, failure('end', `the groups ended with ${signal ?? code}`)]
}

function failure(scenario, words) {
  const row = { peer: 'peers', scenario, result: 'FAILED', seconds: '0.0', words }
  console.log(line(row))
  return row
}

function lacking() {
  if (process.getuid() !== 0) return 'root'
  for (const program of ['apt-get', 'unshare', 'nsenter', 'npm']) {
    if (spawnSync(program, ['--version']).error) return program
  }
  if (!hasCgroups()) return 'a mounted cgroup2 that is not read-only'
}
