// D10: what somebody else can't have done by the log of a daemon, in a directory where he may write.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { hasProgram, isRoot, needs, temporary, test } from '../helpers/harness.mjs'
import { read } from '../helpers/pid-file.mjs'
import { fixture, run } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

test('a start that fails removes its new log, but nothing that was put into its place', {
  contract: 'D10',
  ...needs('root, and strace', isRoot && hasProgram('strace')),
}, async (t) => {
  const [public_, closed] = [temporary(t), temporary(t)]
  fs.chmodSync(closed, 0o700)
  const node = path.join(closed, 'node')
  fs.copyFileSync(process.execPath, node)
  const log = path.join(public_, 'log')
  // The child is held where it changes its user, who may not run the program: for longer than a busy machine needs to
  // see the log.
  const held = ['-e', 'trace=setresuid', '-e', 'inject=setresuid:delay_enter=5000000:when=1']
  const options = JSON.stringify({ stdout: log, user: 'nobody' })
  const { ended } = run('strace', [
    ...['-f', '-qq', '-o', path.join(public_, 'trace'), ...held],
    ...[node, fixture('attempt.cjs'), options],
  ])
  await until(() => fs.existsSync(log), 'the log was created')
  fs.renameSync(log, `${log}.1`)
  fs.writeFileSync(log, 'somebody else’s')
  const { stdout, stderr } = await ended
  assert.equal(JSON.parse(stdout).code, 'EACCES', stderr)
  assert.equal(read(log), 'somebody else’s')
})
