// Programs that attack as another user without rights.

import { spawn } from 'node:child_process'
import { listen } from './channels.mjs'
import { hasProgram, isRoot, needs } from './harness.mjs'
import { AS_NOBODY } from './pid-file.mjs'
import { fixture } from './run.mjs'
import { PYTHON } from './spawned.mjs'

/** Test options that skip a test if the machine can't run a program as another user. */
export const anotherUser = needs('root, and setpriv', isRoot && hasProgram('setpriv'))

/** Runs a Python fixture as another user, or with another `prefix`, until the test ends. */
export function hostile(context, script, args, { prefix = AS_NOBODY, stdio = [] } = {}) {
  const [file, ...rest] = [...prefix, PYTHON, fixture(script), ...args].map(String)
  const child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'inherit', ...stdio] })
  return { child, ...listen(context, child) }
}
