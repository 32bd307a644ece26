// A FIFO that blocks a process in open(2), until the test opens the other end.

import fs from 'node:fs'
import { until } from './until.mjs'

const { O_WRONLY, O_NONBLOCK } = fs.constants

/** Opens the FIFO to write once a reader waits, without blocking. The reader continues when the descriptor is closed. */
export function opened(fifo) {
  return until(() => {
    try {
      return fs.openSync(fifo, O_WRONLY | O_NONBLOCK)
    } catch (error) {
      if (error.code !== 'ENXIO') throw error
      return undefined
    }
  }, 'a process reads from the FIFO')
}

/** Lets the waiting or next reader continue. */
export async function release(fifo) {
  fs.closeSync(await opened(fifo))
}
