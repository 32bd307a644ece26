// Hostile reports of a daemon to its launcher, and hostile messages of another user during a start.

import assert from 'node:assert/strict'
import { test } from '../helpers/harness.mjs'
import { anotherUser, hostile } from '../helpers/hostile-user.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'
import { notifier, rejection } from '../helpers/spawned.mjs'

for (const [what, text, message, keys] of [
  ['garbage', '\x1b]0;garbage', '\x1b]0;garbage', []],
  ['nothing', '', '', []],
  ['null', 'null', '', []],
  ['a number', '5', '', []],
  ['another prototype', '{"message":"m","__proto__":{"polluted":true}}', 'm', []],
  ['other properties', '{"message":"m","code":"c","polluted":true,"stack":{}}', 'm', ['code']],
  ['values of the wrong types', '{"message":{"toString":1},"name":[],"code":{},"stack":1}', '', []],
  ['a long, cut text', '[1,'.repeat(20_000), '[1,'.repeat(20_000), []],
]) {
  test(`daemonize(): throws ERR_PROCNATIVE_DAEMON_EXITED, the daemon reports ${what}`, { contract: 'D7' }, async () => {
    const { stdout, stderr } = await runScript(fixture('daemon/forge-error.cjs'), ['{}', text])
    const expected = { code: 'ERR_PROCNATIVE_DAEMON_EXITED', exitCode: 3, isError: true, message, keys }
    assert.deepEqual(reports(stdout), [expected], stderr)
  })
}

test('spawnDaemon(): times out, flood of READY=1 from another user', { contract: 'D23', ...anotherUser }, async (t) => {
  const { started, told } = notifier(t, ['tell'], { readyTimeout: 1500 })
  const { environment } = await told(1)
  const flood = hostile(t, 'daemon/flood-with-ready.py', [environment.NOTIFY_SOCKET])
  const { code } = await rejection(started)
  assert.equal(code, 'ERR_PROCNATIVE_DAEMON_TIMEOUT')
  // The flood went on until the socket was gone.
  const { said } = await flood.ended()
  assert.ok(said[0].sent > 100, JSON.stringify(said))
})
