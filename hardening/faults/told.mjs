// Reports of the processes of a scenario to the driver: a line of JSON each, because several processes append to one file.

import fs from 'node:fs'

const tell = (line) => fs.appendFileSync(process.env.PROCNATIVE_FAULT_REPORT, `${JSON.stringify(line)}\n`)

function facts(error) {
  if (!(error instanceof Error)) return { name: typeof error, message: String(error) }
  const { name, message, code, errno, syscall, path, stack, cause } = error
  return {
    kind: error.constructor.name,
    name,
    message,
    code,
    errno,
    syscall,
    path,
    stack,
    cause: cause === undefined ? undefined : facts(cause),
  }
}

/** Reports an error that came to JavaScript. `uncaught`: as an uncaught exception. */
export const tellError = (error, uncaught = false) => tell({ error: facts(error), uncaught })

/** Reports what a process that goes on has left behind. */
export const tellLeft = (left) => tell({ left })

/** Reports the end of the scenario. */
export const tellEnd = () => tell({ ended: true })

/** A scenario can't go on because another process has failed. */
export class Consequence extends Error {}

/** A scenario can't go on because a call has returned a refusal. */
export class Refusal extends Error {}

/** Runs the body of a program of a scenario. Reports its error, and exits then. */
export async function told(body) {
  try {
    return await body()
  } catch (error) {
    tellError(error)
    process.exit(3)
  }
}
