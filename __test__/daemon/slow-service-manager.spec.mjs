// daemonize() under a service manager that reads slowly.
// runtimes: node, bun

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { daemonStatus } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { hasProgram, isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, root, run } from '../helpers/run.mjs'
import { PYTHON } from '../helpers/spawned.mjs'

test('daemonize(): sends READY=1 despite signals, manager’s queue full', {
  contract: 'D14',
  ...needs('python3 and Node.js', hasProgram('python3') && isNode),
}, async () => {
  const service = "process.on('SIGUSR1', () => {}); require(process.argv[1]).daemonize({ foreground: true })"
  const program = [process.execPath, '-e', service, root]
  const { stdout, stderr } = await run(PYTHON, ['-B', fixture('daemon/interrupting-manager.py'), ...program]).ended
  assert.equal(stderr, '')
  assert.deepEqual(reports(stdout), [{ heard: 'READY=1', code: 0 }])
})

test(
  'daemonize(): introduces the daemon for five seconds in all, slow manager',
  needs('python3 and Node.js', hasProgram('python3') && isNode),
  async (t) => {
    const directory = temporary(t)
    const [pidFile, script] = ['pid', 'service.cjs'].map((name) => path.join(directory, name))
    const call = `require(${JSON.stringify(root)}).daemonize(${JSON.stringify({ pidFile })})`
    fs.writeFileSync(script, `${call}\nsetInterval(() => {}, 2 ** 30)`)
    const { stdout, stderr } = await run(PYTHON, ['-B', fixture('daemon/slow-manager.py'), process.execPath, script])
      .ended
    const { pid } = daemonStatus(pidFile)
    t.after(() => end(pid))
    assert.match(stderr, /the service manager does not know that the daemon is ready/)
    const [{ code, seconds }] = reports(stdout)
    assert.equal(code, 0)
    // MAINPID= is sent after 4 s. Without the common deadline, BARRIER=1 is sent after 8 s.
    assert.ok(seconds > 4 && seconds < 8, `${seconds} s`)
  },
)
