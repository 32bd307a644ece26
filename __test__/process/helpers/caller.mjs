// Processes that make calls on request: the tests' side of fixtures/make-calls.mjs.

import { spawn } from 'node:child_process'
import net from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { temporary } from '../../helpers/harness.mjs'
import { fixture, run, scriptCommand } from '../../helpers/run.mjs'
import { until } from '../../helpers/until.mjs'

const PYTHON = 'python3'

const GONE = new Error('the caller has died')

/** Listens for callers until the end of the test, which kills all callers, also stopped ones. */
export async function callers(context) {
  const address = path.join(temporary(context), 'callers')
  const present = new Map()
  const sockets = new Set()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    const caller = new Caller(socket, (name) => present.set(name, caller))
  })
  await new Promise((resolve) => server.listen(address, resolve))
  context.after(() => {
    for (const caller of present.values()) caller.kill()
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })

  const command = (name) => scriptCommand(fixture('process/make-calls.mjs'), address, name)
  const named = (name) => until(() => present.get(name), `${name} is there`)
  return {
    named,
    command: (name) => [process.execPath, ...command(name)],
    /** Starts a caller as a child of the test; `ended` resolves with its end. `prefix` comes before the command. */
    async start(name, { prefix = [], ...options } = {}) {
      const [program, ...args] = [...prefix, process.execPath, ...command(name)]
      const { ended } = run(program, args, options)
      return Object.assign(await named(name), { ended })
    },
    /** Starts a caller as a child of another caller, in the same group and session. */
    async startFrom(parent, name) {
      await parent.call('start', process.execPath, command(name))
      return named(name)
    },
  }
}

class Caller {
  #socket
  #asked = 0
  #answers = []
  pid = null
  events = []

  constructor(socket, enter) {
    this.#socket = socket
    // A caller that is killed with unread data resets the connection.
    socket.on('error', () => {})
    createInterface({ input: socket }).on('line', (line) => {
      const { name, pid, event, ...answer } = JSON.parse(line)
      if (event) return this.events.push(event)
      if (name === undefined) return this.#answers.push(answer)
      this.pid = pid
      enter(name)
    })
  }

  /** Makes the caller make a call; resolves with its result, or rejects with the properties of its error. */
  async call(order, ...args) {
    const number = this.#asked++
    this.#socket.write(`${JSON.stringify({ order, args })}\n`)
    const answered = () => this.#answers[number] ?? (this.#socket.readyState === 'open' ? null : { error: GONE })
    const { value, error } = await until(answered, `${this.pid} answers ${order}()`)
    if (error) throw error
    return value
  }

  /** Waits for an event with these properties. */
  told(properties) {
    const fits = (event) => Object.entries(properties).every(([name, value]) => event[name] === value)
    return until(() => this.events.find(fits), `${this.pid} tells ${JSON.stringify(properties)}`)
  }

  // The end of a terminal's leader kills the foreground group, so another caller may already be gone.
  kill() {
    try {
      if (this.#socket.readyState === 'open') process.kill(this.pid, 'SIGKILL')
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
  }
}

/** Starts a caller that leads the session of a new terminal. `endOf()` resolves with the end of the leader or an orphan. */
export async function terminal(office, { prefix = [] } = {}) {
  const args = [fixture('process/lead-session.py'), ...prefix, ...office.command('leader')]
  const child = spawn(PYTHON, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const said = []
  createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line)))
  const leader = await office.named('leader')
  const { name } = await until(() => said.find((line) => line.name), 'the name of the terminal')
  return {
    name,
    leader,
    keeper: child.pid,
    type: (text) => child.stdin.write(`type ${text}\n`),
    hangUp: () => child.stdin.write('hang up\n'),
    endOf: (pid) => until(() => said.find((line) => line.pid === pid), `the end of ${pid}`),
  }
}
