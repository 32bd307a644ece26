// A child with pipes, directory, umask and environment, a killed child, and a program that can't be run.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { text } from 'node:stream/consumers'
import { spawn } from '../../../index.js'
import { Refusal } from '../told.mjs'

export default async function spawned({ directory, after }) {
  const file = fs.openSync('/dev/null')
  after(() => fs.closeSync(file))
  const started = (...args) => {
    const child = spawn(...args)
    after(() => {
      for (const stream of child.stdio) stream?.destroy()
    })
    after(() => child.close())
    after(() => child.kill('SIGKILL'))
    return child
  }

  const child = started('sh', ['-c', 'cat; pwd; umask; echo $MARK'], {
    cwd: directory,
    env: { ...process.env, MARK: 'mark' },
    umask: 0o27,
    stdio: ['pipe', 'pipe', 'ignore', file, 'pipe'],
  })
  child.stdio[0].end('said\n')
  const said = text(child.stdio[1])
  said.catch(() => {})
  const { exitCode } = await child.wait()
  assert.equal(await said, `said\n${directory}\n0027\nmark\n`)
  assert.equal(exitCode, 0)

  const other = started('sleep', ['1000'], { stdio: 'ignore', processGroup: 0, parentDeathSignal: 'SIGTERM' })
  if (!other.kill()) throw new Refusal('it is gone')
  const { signal } = await other.wait()
  assert.equal(signal, 'SIGTERM')

  let failure
  try {
    started('no-such-program')
  } catch (error) {
    failure = error
  }
  if (failure.code !== 'ENOENT') throw failure
}
