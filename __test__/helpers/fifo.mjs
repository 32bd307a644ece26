// A FIFO that a process waits at, opening it to read: the tests' way to have it go on.

import fs from 'node:fs'
import { until } from './until.mjs'

const { O_WRONLY, O_NONBLOCK } = fs.constants

/** Opens the other end when somebody is there, who then waits until it is closed. An open that waits might do so for ever. */
export function opened(fifo) {
  return until(() => {
    try {
      return fs.openSync(fifo, O_WRONLY | O_NONBLOCK)
    } catch (error) {
      if (error.code !== 'ENXIO') throw error
      return undefined
    }
  }, 'somebody reads from the FIFO')
}

/** Lets whoever is there, or comes, go on. */
export async function release(fifo) {
  fs.closeSync(await opened(fifo))
}
