// Attacks of another user on the path of listenUnix(), in a directory where all users may write.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { listenUnix } from '../../index.js'
import { temporary, test } from '../helpers/harness.mjs'
import { anotherUser, hostile } from '../helpers/hostile-user.mjs'
import { repetitions } from '../helpers/repetitions.mjs'
import { PYTHON } from '../helpers/spawned.mjs'

const ROUNDS = repetitions(300)
// Both outcomes must have happened by then, on a loaded machine, too.
const PATIENCE = 15_000

test('listenUnix(): keeps the live target of a link that is swapped in', {
  contract: 'H9',
  ...anotherUser,
}, async (t) => {
  const live = path.join(temporary(t), 'live')
  const listening = listenUnix(live)
  t.after(() => listening.close())
  const before = fs.statSync(live)
  const at = path.join(temporary(t), 'socket')
  const { told } = hostile(t, 'swap-with-symlink.py', [at, live, 'socket'])
  await told('begun')
  const seen = { listened: 0, EADDRINUSE: 0 }
  const isEnough = () => seen.listened > 0 && seen.EADDRINUSE > 0
  const deadline = Date.now() + PATIENCE
  for (let round = 0; round < ROUNDS || (!isEnough() && Date.now() < deadline); round++) {
    try {
      listenUnix(at).close()
      seen.listened++
    } catch ({ code }) {
      // ENOENT: the file was gone when listenUnix() looked at it or removed it.
      assert.match(code, /^(EADDRINUSE|ENOENT)$/)
      seen[code]++
    }
    assert.equal(fs.statSync(live).ino, before.ino)
  }
  assert.ok(isEnough(), JSON.stringify(seen))
})

test('listenUnix(): replaces another user’s dead socket by one of the caller', {
  contract: 'H9',
  ...anotherUser,
}, (t) => {
  const at = path.join(temporary(t), 'socket')
  const bind = 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])'
  execFileSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', PYTHON, '-c', bind, at])
  assert.equal(fs.lstatSync(at).uid, 65534)
  const handle = listenUnix(at)
  t.after(() => handle.close())
  const { uid, mode } = fs.lstatSync(at)
  assert.deepEqual([uid, mode & 0o777], [process.getuid(), 0o600])
})
