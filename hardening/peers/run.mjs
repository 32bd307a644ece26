// Runs programs to their end, for a limited time.

import { run as start } from '../../__test__/helpers/run.mjs'

const LIMIT_MS = 120_000

/** Returns the code, the signal and the output of a program. */
export const run = (program, args, options) =>
  start(program, args, { timeout: LIMIT_MS, killSignal: 'SIGKILL', ...options }).ended

/** Returns the standard output of a program that ends with 0; throws for any other end. */
export async function output(program, args, options) {
  const { code, signal, stdout, stderr } = await run(program, args, options)
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${signal ?? code}: ${stderr || stdout}`)
  return stdout
}
