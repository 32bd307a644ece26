// examples/supervisor with an app of the tests.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { end } from '../../helpers/daemon.mjs'
import { example } from '../../helpers/example.mjs'
import { temporary } from '../../helpers/harness.mjs'
import { fixture } from '../../helpers/run.mjs'
import { until } from '../../helpers/until.mjs'

export const WORKERS = 4

export class Supervisor {
  #t

  constructor(t, env = {}) {
    this.#t = t
    this.directory = temporary(t)
    this.env = {
      ...process.env,
      ...{
        DIRECTORY: this.directory,
        PORT: '0',
        WORKERS: String(WORKERS),
        APP: fixture('documents/supervisor-app.cjs'),
      },
      ...env,
    }
    t.after(() => this.#end())
  }

  /** Starts the supervisor as a daemon and returns when every worker serves. */
  static async start(t, env) {
    const supervisor = new Supervisor(t, env)
    assert.deepEqual(await supervisor.command('start'), { code: 0, stdout: '', stderr: '' })
    return supervisor
  }

  /** Makes the supervisor serve an app that runs `before` first. */
  app(before) {
    this.env.APP = path.join(this.directory, 'app.cjs')
    const required = JSON.stringify(fixture('documents/supervisor-app.cjs'))
    fs.writeFileSync(this.env.APP, `${before}\nmodule.exports = require(${required})\n`)
  }

  /** The code of an app that never finishes loading: it reads a FIFO without a writer. */
  get hangs() {
    const fifo = path.join(this.directory, 'fifo')
    if (!fs.existsSync(fifo)) execFileSync('mkfifo', [fifo])
    return `require('node:fs').readFileSync(${JSON.stringify(fifo)})`
  }

  /** The pids of all workers, ended ones too. */
  get created() {
    return [...this.log.matchAll(/worker process created, pid: (\d+)/g)].map(([, pid]) => Number(pid))
  }

  /** Runs the supervisor in the foreground. */
  run() {
    return example(this.#t, 'supervisor', ['run'], { env: this.env })
  }

  async command(name) {
    const { code, stdout, stderr } = await example(this.#t, 'supervisor', [name], { env: this.env }).ended()
    return { code, stdout, stderr }
  }

  get log() {
    return fs.readFileSync(path.join(this.directory, 'log'), 'utf8')
  }

  get master() {
    return Number(fs.readFileSync(path.join(this.directory, 'pid'), 'utf8'))
  }

  get url() {
    return this.log.match(/http:\S+/)[0]
  }

  /** Returns the rows that `status` prints. */
  async table() {
    const { code, stdout, stderr } = await this.command('status')
    assert.equal(code, 0, stderr)
    const [, ...rows] = stdout.trimEnd().split('\n')
    return rows.map((row) => {
      const [role, pid, uptime, restarts, memory, state] = row.split(/ {2,}/)
      return { role, pid: Number(pid), uptime, restarts: Number(restarts), memory: Number.parseFloat(memory), state }
    })
  }

  /** Waits until exactly WORKERS workers exist and serve; returns their pids. */
  serving() {
    return until(async () => {
      const workers = (await this.table()).filter(({ role }) => role === 'worker')
      const ready = workers.filter(({ state }) => state === 'ready').map(({ pid }) => pid)
      return ready.length === WORKERS && workers.length === WORKERS && ready
    }, 'all workers serve')
  }

  ask(where = '/', options) {
    return ask(new URL(where, this.url), options)
  }

  async #end() {
    const pids = fs.existsSync(path.join(this.directory, 'pid')) ? [this.master] : []
    for (const pid of pids) await end(pid)
  }
}

export async function ask(url, { agent = false } = {}) {
  const [response] = await once(http.get(url, { agent }), 'response')
  return JSON.parse(await text(response))
}

/** Opens a kept connection, to the worker `wanted` or to any worker. */
export function connection(t, url, wanted) {
  return until(async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    t.after(() => agent.destroy())
    const { pid } = await ask(url, { agent })
    return (wanted === undefined || pid === wanted) && { agent, pid }
  }, 'a connection is open')
}
