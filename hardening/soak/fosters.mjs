// Orphans that this process adopts, and their statuses from reapOrphans().

import assert from 'node:assert/strict'

export class Fosters {
  #tally
  #told = new Map()
  #waiting = new Map()

  constructor(tally) {
    this.#tally = tally
  }

  /** The listener of reapOrphans(). */
  reaped(status) {
    const resolve = this.#waiting.get(status.pid)
    this.#waiting.delete(status.pid)
    if (resolve) return resolve(status)
    assert.ok(!this.#told.has(status.pid), `${status.pid} was reaped twice`)
    this.#told.set(status.pid, status)
  }

  /** Waits until an orphan was reaped, and checks its end: `{ exitCode }` or `{ signal }`. */
  async ended(pid, { exitCode = null, signal = null }) {
    const status = await this.#tally.awaited('orphans reaped', this.#statusOf(pid))
    assert.deepEqual([status.exitCode, status.signal], [exitCode, signal], `the status of ${pid}`)
  }

  /** The pids of reaped orphans that no job has awaited. */
  get unclaimed() {
    return [...this.#told.keys()]
  }

  #statusOf(pid) {
    const status = this.#told.get(pid)
    this.#told.delete(pid)
    return status ?? new Promise((resolve) => this.#waiting.set(pid, resolve))
  }
}
