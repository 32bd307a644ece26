// Pseudo-random numbers, the same for the same seed (mulberry32).

export class Random {
  #state

  constructor(seed) {
    this.#state = seed >>> 0
  }

  /** Returns a number of at least 0 and less than 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** Returns an integer of at least 0 and less than the limit. */
  below(end) {
    return Math.floor(this.next() * end)
  }

  between(first, last) {
    return first + this.below(last - first + 1)
  }

  chance(probability) {
    return this.next() < probability
  }

  pick(list) {
    return list[this.below(list.length)]
  }
}
