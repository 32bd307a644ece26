'use strict'

// A place that always needs a worker.

const { Restarts } = require('./restarts.js')
const settings = require('./settings.js')

// The pause in ms before another start if descriptors or memory are short. This counts as no crash of a worker.
const SCARCE = 1000

/** @typedef {InstanceType<typeof import('./member.js').Member>} Member */

class Place {
  #hire
  #gaveUp
  #policy = new Restarts(settings.crashes)
  /** @type {NodeJS.Timeout | undefined} */
  #timer
  #isClosed = false
  /** The worker in this place. @type {Member | undefined} */
  member
  restarts = 0

  /** @param {() => Member} hire starts a worker @param {() => void} gaveUp is called when too many have crashed */
  constructor(hire, gaveUp) {
    this.#hire = hire
    this.#gaveUp = gaveUp
  }

  /** True if the place is empty, and stays empty until a reload. */
  get isGivenUp() {
    return this.member === undefined && this.#timer === undefined
  }

  fill() {
    this.#timer = undefined
    return this.#take(this.#hire())
  }

  /** Starts a successor, and then makes the worker leave. If the successor does not serve, rejects and changes nothing. */
  async replace() {
    const successor = this.#hire()
    await successor.serves
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.member?.leave()
    this.#policy = new Restarts(settings.crashes)
    this.#take(successor)
  }

  /** Starts no more workers here. */
  close() {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  /** @param {Member} member */
  #take(member) {
    this.member = member
    // A leaving worker still answers its clients. The next worker starts meanwhile.
    member.once('leaving', () => this.#again(member))
    member.once('end', () => this.#again(member))
    // The worker may have reported 'ready' and its failure in the same turn.
    if (member.state === 'leaving' || member.state === 'gone') this.#again(member)
    return member
  }

  /** @param {Member} member */
  #again(member) {
    // Another worker has the place already.
    if (this.member !== member || this.#isClosed) return
    this.member = undefined
    const pause = this.#policy.next()
    if (pause === undefined) {
      console.error(`more than ${settings.crashes} crashes in a minute: given up until a reload`)
      return this.#gaveUp()
    }
    console.log(`another worker in ${pause} ms`)
    this.restarts++
    this.#fillAfter(pause)
  }

  /** @param {number} pause */
  #fillAfter(pause) {
    this.#timer = setTimeout(() => {
      try {
        this.fill()
      } catch (error) {
        console.error(/** @type {Error} */ (error).message)
        this.#fillAfter(SCARCE)
      }
    }, pause)
  }
}

module.exports = { Place }
