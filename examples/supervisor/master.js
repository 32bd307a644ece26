'use strict'

// The master: listens, and keeps the wanted number of workers. The master accepts no connection itself, so that little can fail
// in it.

const { once } = require('node:events')
const net = require('node:net')
const { notify, recvFds, sendFds, socketpair } = require('procnative')
const { answer } = require('./control.js')
const { Member, residentMemory } = require('./member.js')
const { Place } = require('./place.js')
const settings = require('./settings.js')

/** @type {NodeJS.Signals[]} */
const ENDS = ['SIGTERM', 'SIGINT', 'SIGQUIT']

class Master {
  #daemon
  #since = Date.now()
  /** @type {InstanceType<typeof Place>[]} */
  #places = []
  /** All running workers, also those that are leaving. @type {Set<InstanceType<typeof Member>>} */
  #members = new Set()
  #jobs = 0
  #isReloading = false
  /** The end of the last queued reload. Reloads run one after the other, after the start. @type {Promise<unknown>} */
  #reloads = Promise.resolve()
  #isStopping = false

  /** @param {import('procnative').Daemon} daemon */
  constructor(daemon) {
    this.#daemon = daemon
  }

  async start() {
    process.title = 'supervisor: master'
    for (const signal of ENDS) process.on(signal, () => this.#stop(signal))

    const listening = await listen()
    const hire = () => this.#hire(listening)
    const gaveUp = () => this.#gaveUp()
    this.#places = Array.from({ length: settings.workers }, () => new Place(hire, gaveUp))
    const serving = Promise.all(this.#places.map((place) => place.fill().serves))
    this.#reloads = serving.catch(() => {})
    process.on('SIGHUP', () => this.#hangUp())
    try {
      await serving
    } catch (error) {
      // #stop() waits for the workers, and exits.
      if (this.#isStopping) return
      // A worker that fails at the first start would also fail later. So the start of the master fails.
      this.#close()
      throw error
    }
    await answer({
      status: () => this.#status(),
      reload: () => this.#reload(),
      grace: () => settings.grace,
    })
    setInterval(() => this.#work(), settings.jobEvery)
    this.#daemon.ready()
  }

  /** @param {import('procnative').Handle} listening */
  #hire(listening) {
    if (this.#isStopping) throw new Error('the supervisor is stopping')
    const member = new Member(listening)
    this.#members.add(member)
    if (member.pid) console.log(`worker process created, pid: ${member.pid} ppid: ${process.pid}`)
    member.once('leaving', () => console.log(`worker process is leaving, pid: ${member.pid}`))
    member.once('end', (how) => {
      this.#members.delete(member)
      console.log(`worker process exited, pid: ${member.pid}, ${how}`)
    })
    return member
  }

  #gaveUp() {
    // A reload may still fill a place.
    if (this.#isReloading || !this.#places.every(({ isGivenUp }) => isGivenUp)) return
    console.error('no worker is left')
    process.exit(1)
  }

  /** Makes one worker do the next job. */
  #work() {
    const ready = this.#places.flatMap(({ member }) => (member?.state === 'ready' ? [member] : []))
    if (ready.length === 0) return
    this.#jobs++
    ready[this.#jobs % ready.length].send({ job: this.#jobs })
  }

  #reload() {
    const reloaded = this.#reloads.then(() => this.#replaceAll())
    this.#reloads = reloaded.catch(() => {})
    return reloaded
  }

  /** Replaces one worker after the other, so that the number of workers never falls. */
  async #replaceAll() {
    this.#isReloading = true
    try {
      for (const place of this.#places) await place.replace()
    } finally {
      this.#isReloading = false
      this.#gaveUp()
    }
  }

  /** Opens new logs and starts new workers, as servers do on SIGHUP. */
  #hangUp() {
    // If a log can't be opened, all logs stay in the old files, with a line about the failure.
    this.#daemon.reopenLogs()
    this.#reload().catch((error) => console.error(error.message))
  }

  /** @param {NodeJS.Signals} signal */
  async #stop(signal) {
    console.log(`${signal}: passed on to ${this.#members.size} workers`)
    for (const member of this.#members) member.kill(signal)
    if (this.#isStopping) return
    this.#isStopping = true
    notify('STOPPING=1')
    this.#close()
    // The workers end by themselves within settings.grace.
    setTimeout(() => this.#kill(), settings.grace + 1000)
    await Promise.all([...this.#members].map(({ gone }) => gone))
    process.exit(0)
  }

  #close() {
    for (const place of this.#places) place.close()
  }

  #kill() {
    for (const member of this.#members) member.kill('SIGKILL')
  }

  #status() {
    const { pid } = process
    const restarts = this.#places.reduce((sum, place) => sum + place.restarts, 0)
    const own = { role: 'master', pid, uptime: Date.now() - this.#since, restarts, memory: residentMemory(pid) }
    const members = [...this.#members].map((member) => {
      const { pid, uptime, memory, state } = member
      const place = this.#places.find((one) => one.member === member)
      return { role: 'worker', pid, uptime, restarts: place?.restarts ?? 0, memory, state }
    })
    return [{ ...own, state: this.#state() }, ...members]
  }

  #state() {
    if (this.#isStopping) return 'stopping'
    return this.#isReloading ? 'reloading' : 'ready'
  }
}

/** Returns a listening socket that this process does not accept on. A net.Server would accept connections here, too. */
async function listen() {
  const server = net.createServer().listen(settings.port, settings.host)
  await once(server, 'listening')
  const { address, port } = /** @type {net.AddressInfo} */ (server.address())
  const [one, other] = socketpair()
  sendFds(one, Buffer.from('.'), [server])
  const received = recvFds(other)
  // Closed in the same turn, so that the server accepts nothing. Queued connections wait for the workers.
  for (const end of [server, one, other]) end.close()
  console.log(`listening at http://${address}:${port}/`)
  return /** @type {import('procnative').Received} */ (received).handles[0]
}

module.exports = { Master }
