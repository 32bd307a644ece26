// Children of spawn() that report their descriptors.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { started } from '../../helpers/children.mjs'
import { temporary } from '../../helpers/harness.mjs'
import { fixture } from '../../helpers/run.mjs'

/** Waits for a child, which must exit with 0. */
export async function waitForSuccess(child) {
  const { exitCode, signal } = await child.wait()
  assert.deepEqual({ exitCode, signal }, { exitCode: 0, signal: null })
}

/** Starts a child with `stdio`; returns the kind and the blocking mode of each descriptor, as the child reports them. */
export async function seenInChild(t, stdio) {
  const file = path.join(temporary(t), 'descriptors')
  const args = [fixture('process/report-descriptors.py'), file, ...stdio.keys()].map(String)
  const child = started(t, 'python3', args, { stdio })
  t.after(() => child.stdio.map((socket) => socket?.destroy()))
  await waitForSuccess(child)
  return JSON.parse(fs.readFileSync(file, 'utf8'))
}
