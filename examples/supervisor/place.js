'use strict'

// A place that a worker is to have at all times.

const { Restarts } = require('./restarts.js')
const settings = require('./settings.js')

// How long to wait where there are no descriptors or no memory for a worker: that is no fault of its own.
const SCARCE = 1000

/** @typedef {InstanceType<typeof import('./member.js').Member>} Member */

class Place {
  #hire
  #gaveUp
  #policy = new Restarts(settings.crashes)
  /** @type {NodeJS.Timeout | undefined} */
  #timer
  #isClosed = false
  /** Who has it. @type {Member | undefined} */
  member
  restarts = 0

  /** @param {() => Member} hire starts a worker @param {() => void} gaveUp is called when too many have crashed */
  constructor(hire, gaveUp) {
    this.#hire = hire
    this.#gaveUp = gaveUp
  }

  /** Nobody has it, and nobody will. */
  get isGivenUp() {
    return this.member === undefined && this.#timer === undefined
  }

  fill() {
    this.#timer = undefined
    return this.#take(this.#hire())
  }

  /** Has somebody else take it, and then whoever has it leave. If that one does not come to serve, it rejects, and nothing has changed. */
  async replace() {
    const successor = this.#hire()
    await successor.serves
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.member?.leave()
    this.#policy = new Restarts(settings.crashes)
    this.#take(successor)
  }

  /** For good. */
  close() {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  /** @param {Member} member */
  #take(member) {
    this.member = member
    // Who leaves serves those that it has, and ends. Somebody else need not wait for that.
    member.once('leaving', () => this.#again(member))
    member.once('end', () => this.#again(member))
    // That it serves, and that it has failed, may have been told at once.
    if (member.state === 'leaving' || member.state === 'gone') this.#again(member)
    return member
  }

  /** @param {Member} member */
  #again(member) {
    // Somebody else has it already.
    if (this.member !== member || this.#isClosed) return
    this.member = undefined
    const pause = this.#policy.next()
    if (pause === undefined) {
      console.error(`more than ${settings.crashes} crashes in a minute: given up, until a reload`)
      return this.#gaveUp()
    }
    console.log(`another one in ${pause} ms`)
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
