// The log of a daemon in a directory that a hostile user may write to.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { read } from '../helpers/pid-file.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

test('daemonize(): keeps a file in the place of its log, failed start', {
  contract: 'D10',
  ...needs('root, and strace', isRoot && hasProgram('strace')),
}, async (t) => {
  const [public_, closed] = [temporary(t), temporary(t)]
  fs.chmodSync(closed, 0o700)
  const node = path.join(closed, 'node')
  fs.copyFileSync(process.execPath, node)
  const log = path.join(public_, 'log')
  // strace holds the child before it changes its user, longer than a busy machine needs to see the log. The new user may
  // not run the program.
  const held = ['-e', 'trace=setresuid', '-e', 'inject=setresuid:delay_enter=5000000:when=1']
  const options = JSON.stringify({ stdout: log, user: 'nobody' })
  const { ended } = run('strace', [
    ...['-f', '-qq', '-o', path.join(public_, 'trace'), ...held],
    ...[node, fixture('report-refusal.cjs'), options],
  ])
  await until(() => fs.existsSync(log), 'the log was created')
  fs.renameSync(log, `${log}.1`)
  fs.writeFileSync(log, 'somebody else’s')
  const { stdout, stderr } = await ended
  assert.equal(JSON.parse(stdout).code, 'EACCES', stderr)
  assert.equal(read(log), 'somebody else’s')
})
