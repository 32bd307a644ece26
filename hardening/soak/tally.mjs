// Counts of sent and received things by name. The receiver throws for a wrong thing.

export class Tally {
  #counts = new Map()

  out(name, count = 1) {
    this.#of(name).out += count
  }

  came(name, count = 1) {
    this.#of(name).came += count
  }

  /** Awaits a promise, counted as sent before and as received after. */
  async awaited(name, promise) {
    this.out(name)
    const value = await promise
    this.came(name)
    return value
  }

  get total() {
    return [...this.#counts.values()].reduce((sum, { out }) => sum + out, 0)
  }

  get entries() {
    return [...this.#counts].map(([name, counts]) => ({ name, ...counts }))
  }

  #of(name) {
    if (!this.#counts.has(name)) this.#counts.set(name, { out: 0, came: 0 })
    return this.#counts.get(name)
  }
}
