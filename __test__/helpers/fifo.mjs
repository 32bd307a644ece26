// A FIFO that a process waits at, opening it to read: the tests' way to have it go on.

import fs from 'node:fs'
import { until } from './until.mjs'

const { O_WRONLY, O_NONBLOCK } = fs.constants

/** Opens the other end. Not by an open that waits, which would be for ever if whoever reads is gone. */
export function release(fifo) {
  return until(() => {
    try {
      fs.closeSync(fs.openSync(fifo, O_WRONLY | O_NONBLOCK))
      return true
    } catch (error) {
      if (error.code !== 'ENXIO') throw error
      return false
    }
  }, 'somebody reads from the FIFO')
}
