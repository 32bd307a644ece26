// Reports of fixtures: one line of JSON each, written synchronously, so that a crash comes after its cause.

import fs from 'node:fs'

/** Writes a report to standard output, a pipe that the test may read slowly. */
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

/** Returns all reports in a text. */
export const reports = (stdout) =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

/** Returns the complete reports in a text that still grows. */
export const reportsSoFar = (text) => reports(text.slice(0, text.lastIndexOf('\n') + 1))
