// Parts of npm run test:peers that need none of the packages it installs.

import assert from 'node:assert/strict'
import path from 'node:path'
import { printed } from '../../hardening/peers/guide.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { root, runScript } from '../helpers/run.mjs'

test('peers: an unknown group is refused with the names of all groups', async () => {
  const { code, stderr } = await runScript(path.join(root, 'hardening/peers/peers.mjs'), ['systemd', 'upstart'])
  assert.equal(code, 1)
  assert.match(stderr, /no group upstart: there are systemd, podman, sshd, logrotate, launchers/)
})

test('peers: takes a block as printed, a missing block is an error', () => {
  assert.match(
    printed('docs/guides/systemd.md', 'app.socket'),
    /^# app\.socket[^`]+\[Install\]\nWantedBy=sockets\.target\n$/,
  )
  assert.match(printed('docs/guides/systemd.md', 'main.js'), /^const http = [\s\S]+\n}\)\n$/)
  assert.throws(() => printed('docs/guides/systemd.md', 'none.service'), /has no block none\.service/)
})

test('peers: the program that makes every call passes here', needs('Node.js', isNode), async () => {
  const { code, stdout } = await runScript(path.join(root, 'hardening/peers/programs/everything.js'))
  assert.equal(code, 0, stdout)
  assert.match(stdout, /^all passed$/m)
})
