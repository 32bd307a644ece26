// What a process of a scenario tells the driver: a line of JSON each, since there may be several of them.

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

/** An error has come to JavaScript. `uncaught`: nobody was there to catch it. */
export const tellError = (error, uncaught = false) => tell({ error: facts(error), uncaught })

/** Something was left behind by a process that goes on. */
export const tellLeft = (left) => tell({ left })

/** The scenario came to its end. */
export const tellEnd = () => tell({ ended: true })

/** A scenario can't go on, because of what another process has told. */
export class Consequence extends Error {}

/** A scenario can't go on, because a call has said no by what it returned. */
export class Refusal extends Error {}

/** The body of a program that a scenario starts: tells of its error, and ends with it. */
export async function told(body) {
  try {
    return await body()
  } catch (error) {
    tellError(error)
    process.exit(3)
  }
}
