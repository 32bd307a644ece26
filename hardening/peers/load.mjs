// Constant requests during a change that clients must not notice.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

/** Runs `body` while a client of the machine keeps asking a server. No request may fail. */
export async function underLoad(machine, port, body) {
  const client = machine.start('node', ['load.js', port])
  await once(client.stdout, 'readable')
  const said = text(client.stdout)
  try {
    await body()
  } finally {
    client.stdin.end()
  }
  const { answered, failures } = JSON.parse((await said).split('\n')[1])
  assert.deepEqual(failures, [], `of ${answered + failures.length} requests`)
  assert.ok(answered > 0, 'no request was answered')
}
