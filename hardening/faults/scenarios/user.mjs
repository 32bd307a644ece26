// Children that become another user.

import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { spawn } from '../../../index.js'

export default async function user({ after }) {
  for (const options of [{ user: 'nobody' }, { user: 65534, group: 'nogroup' }, { group: 'nogroup' }]) {
    const child = spawn('id', ['-G'], { ...options, stdio: ['ignore', 'pipe', 'ignore'] })
    after(() => child.stdio[1].destroy())
    after(() => child.close())
    after(() => child.kill('SIGKILL'))
    const said = text(child.stdio[1])
    said.catch(() => {})
    await child.wait()
    assert.match(await said, /^65534/)
  }
}
