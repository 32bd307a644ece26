'use strict'

// The master: listens, and sees to it that there are as many workers as there should be. It accepts nobody itself, so that
// there is little in it that can fail.

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
  /** Those that are there, also who is leaving. @type {Set<InstanceType<typeof Member>>} */
  #members = new Set()
  #jobs = 0
  #isReloading = false
  /** One reload after the other, and all of them after the start. @type {Promise<unknown>} */
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
      // #stop() waits for them, and ends.
      if (this.#isStopping) return
      // One that can't even start the first time will not later: whoever starts the master is told so.
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
    if (this.#isStopping) throw new Error('it is stopping')
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
    // A reload may have somebody take a place yet.
    if (this.#isReloading || !this.#places.every(({ isGivenUp }) => isGivenUp)) return
    console.error('no worker is left')
    process.exit(1)
  }

  /** Has one worker do what is to be done once. */
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

  /** One place after the other, so that there are never fewer workers than there should be. */
  async #replaceAll() {
    this.#isReloading = true
    try {
      for (const place of this.#places) await place.replace()
    } finally {
      this.#isReloading = false
      this.#gaveUp()
    }
  }

  /** As servers do: new logs, and new workers. */
  #hangUp() {
    // If a log can't be opened, all logs go on in the old files, with a line that says so.
    this.#daemon.reopenLogs()
    this.#reload().catch((error) => console.error(error.message))
  }

  /** @param {NodeJS.Signals} signal */
  async #stop(signal) {
    console.log(`${signal}: for ${this.#members.size} workers`)
    for (const member of this.#members) member.kill(signal)
    if (this.#isStopping) return
    this.#isStopping = true
    notify('STOPPING=1')
    this.#close()
    // They have their own way to end in good time.
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

/** A socket that listens, and nobody here who accepts: what a net.Server holds would be accepted by it, too. */
async function listen() {
  const server = net.createServer().listen(settings.port, settings.host)
  await once(server, 'listening')
  const { address, port } = /** @type {net.AddressInfo} */ (server.address())
  const [one, other] = socketpair()
  sendFds(one, Buffer.from('.'), [server])
  const received = recvFds(other)
  // Before the event loop gets to anybody who has connected by now: who is in the queue waits for the workers.
  for (const end of [server, one, other]) end.close()
  console.log(`listening at http://${address}:${port}/`)
  return /** @type {import('procnative').Received} */ (received).handles[0]
}

module.exports = { Master }
