// What a fixture has to say: a line of JSON for each thing, written at once, so that a crash comes after its cause.

import fs from 'node:fs'

/** Says it, on standard output, which is a pipe that the test may be slow to read. */
export function report(what) {
  let rest = Buffer.from(`${JSON.stringify(what)}\n`)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(1, rest))
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

/** The other end. */
export const reports = (stdout) =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

/** Returns the reports that are complete in a text that still grows. */
export const reportsSoFar = (text) => reports(text.slice(0, text.lastIndexOf('\n') + 1))
