// A reaper process: the tests' side of fixtures/reap-orphans.mjs.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fixture } from '../../helpers/run.mjs'
import { until } from '../../helpers/until.mjs'

/** A process that makes calls on request, and does nothing else. */
export class Reaper {
  #child
  #asked = 0
  #answers = []
  pid = null
  events = []

  constructor(prefix) {
    const [program, ...args] = [...prefix, process.execPath, fixture('process/reap-orphans.mjs')]
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const { event, pid, number, ...answer } = JSON.parse(line)
      if (event) this.events.push(event)
      else if (pid) this.pid = pid
      else this.#answers[number] = answer
    })
  }

  static async start(context, prefix = []) {
    const reaper = new Reaper(prefix)
    context.after(() => reaper.#end())
    await until(() => reaper.pid, 'the reaper is there')
    return reaper
  }

  async #end() {
    const exit = once(this.#child, 'exit')
    this.#child.stdin.end()
    assert.deepEqual(await exit, [0, null])
  }

  async call(order, ...args) {
    const number = this.#asked++
    this.#child.stdin.write(`${JSON.stringify({ order, args })}\n`)
    const { value, error } = await until(() => this.#answers[number], `the reaper answers ${order}()`)
    if (error) throw Object.assign(new Error(error.message), error)
    return value
  }

  all(properties) {
    const fits = (event) => Object.entries(properties).every(([name, value]) => event[name] === value)
    return this.events.filter(fits)
  }

  /** Waits for an event with these properties, without a request that would wake the reaper. */
  told(properties) {
    return until(() => this.all(properties)[0], `the reaper tells ${JSON.stringify(properties)}`)
  }

  inState(pid, state) {
    return until(async () => (await this.call('state', pid)) === state, `${pid} is in state ${state}`)
  }

  /** Waits until the reaper has reaped a new orphan. The reaper has looked at each earlier zombie by then. */
  async anotherReaped(name) {
    const pid = await this.call('orphan', 'exit 0')
    await this.told({ heard: name, pid })
  }
}

/** Makes an orphan of the reaper that has ended; returns its pid. */
export async function zombie(reaper, script) {
  const pid = await reaper.call('orphan', script)
  await reaper.inState(pid, 'Z')
  return pid
}
