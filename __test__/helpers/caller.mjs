// Processes that make the calls they are told: the tests' side of fixtures/session-caller.mjs.

import { spawn } from 'node:child_process'
import net from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { temporary } from './harness.mjs'
import { fixture, run, scriptCommand } from './run.mjs'
import { until } from './until.mjs'

const PYTHON = 'python3'

/** Where callers report, until the test is over. With it end all of them, also those that are stopped. */
export async function callers(context) {
  const address = path.join(temporary(context), 'callers')
  const present = new Map()
  const server = net.createServer((socket) => {
    const caller = new Caller(socket, (name) => present.set(name, caller))
  })
  await new Promise((resolve) => server.listen(address, resolve))
  context.after(() => {
    for (const caller of present.values()) caller.kill()
    return new Promise((resolve) => server.close(resolve))
  })

  const command = (name) => scriptCommand(fixture('session-caller.mjs'), address, name)
  const named = (name) => until(() => present.get(name), `${name} is there`)
  return {
    named,
    command: (name) => [process.execPath, ...command(name)],
    /** A caller that is a child of the test's; `ended` tells how it ends. */
    async start(name, { prefix = [], ...options } = {}) {
      const [program, ...args] = [...prefix, process.execPath, ...command(name)]
      const { ended } = run(program, args, options)
      return Object.assign(await named(name), { ended })
    },
    /** A caller that is a child of another's, in the same group and session. */
    async startFrom(parent, name) {
      await parent.call('start', process.execPath, command(name))
      return named(name)
    },
  }
}

class Caller {
  #socket
  #answers = []
  pid = null
  events = []

  constructor(socket, enter) {
    this.#socket = socket
    // Who is killed with something unread resets the connection.
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const { reject } of this.#answers) reject(new Error(`${this.pid} is gone`))
    })
    createInterface({ input: socket }).on('line', (line) => {
      const { name, pid, event, error, value } = JSON.parse(line)
      if (event) return this.events.push(event)
      if (name) {
        this.pid = pid
        return enter(name)
      }
      const { resolve, reject } = this.#answers.shift()
      return error ? reject(error) : resolve(value)
    })
  }

  /** Has it make a call; resolves with the result, or rejects with the error's name, message and properties. */
  call(order, ...args) {
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== 'open') throw new Error(`${this.pid} is gone`)
      this.#answers.push({ resolve, reject })
      this.#socket.write(`${JSON.stringify({ order, args })}\n`)
    })
  }

  /** Waits for an event with these properties. */
  told(properties) {
    const fits = (event) => Object.entries(properties).every(([name, value]) => event[name] === value)
    return until(() => this.events.find(fits), `${this.pid} tells ${JSON.stringify(properties)}`)
  }

  // With the socket there is the process, so that the pid is its own.
  kill() {
    if (this.#socket.readyState === 'open') process.kill(this.pid, 'SIGKILL')
  }
}

/** A terminal that a caller leads the session of; tells how each of its processes ended that lost its parent. */
export async function terminal(office, { prefix = [] } = {}) {
  const args = [fixture('session-terminal.py'), ...prefix, ...office.command('leader')]
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
