// A server of channels in another process, a well-behaved client, and hostile peers: fixtures/hostile-server.mjs and
// fixtures/hostile-peer.py.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { connectChannel } from '../../../index.js'
import { temporary } from '../../helpers/harness.mjs'
import { files, noted } from '../../helpers/peer.mjs'
import { descriptors, status } from '../../helpers/proc.mjs'
import { reports } from '../../helpers/report.mjs'
import { fixture, limitedTo, run, scriptCommand } from '../../helpers/run.mjs'
import { PYTHON } from '../../helpers/spawned.mjs'
import { until } from '../../helpers/until.mjs'

const MiB = 1 << 20
// The hard limit of descriptors of a process.
const LIMIT = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()

export const CARRIER = 2 ** 30
export const AHEAD = 2 ** 31

/** Returns a header for a length that need not be true. */
export function header(length, countAndFlags = 0) {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(length, 0)
  bytes.writeUInt32LE(countAndFlags, 4)
  return bytes
}

export function frame(payload, countAndFlags = 0) {
  const bytes = Buffer.from(payload)
  return Buffer.concat([header(bytes.length, countAndFlags), bytes])
}

/** Returns a step of hostile-peer.py that sends bytes. */
export const send = (bytes, fds = 0, times = 1) => ({ send: Buffer.from(bytes).toString('hex'), fds, times })

/** Runs hostile-peer.py with these steps. `ended` resolves when all descriptors that it sent are closed. */
export function attack(address, ...steps) {
  const { child, ended } = run(PYTHON, [fixture('channel/hostile-peer.py'), address], {
    input: JSON.stringify([steps]),
  })
  const closed = async () => {
    const { stdout, stderr, signal } = await ended
    if (steps.at(-1) === 'die' && signal === 'SIGKILL') return
    assert.deepEqual({ told: reports(stdout).at(-1), stderr }, { told: { closed: true }, stderr: '' })
  }
  return { child, ended: closed() }
}

/** Starts a server in a process that may open `most` descriptors, with a well-behaved client. */
export async function server(t, options = {}, { most = LIMIT } = {}) {
  const address = path.join(temporary(t), 'channel')
  const command = scriptCommand(fixture('channel/hostile-server.mjs'), address, JSON.stringify(options))
  const { child, ended } = run('env', [...limitedTo(most), process.execPath, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const said = []
  createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line)))
  t.after(() => {
    child.kill('SIGKILL')
    return ended
  })
  assert.equal(await until(() => said.shift(), 'the server listens'), 'listening')
  const friend = await wellBehaved(t, address, options)
  // The first message opens descriptors that stay open.
  await friend()
  return new Server({ address, pid: child.pid, said, friend })
}

/**
 * Connects to the server. Each call of the result sends a message with a handle, and checks that both come back. Afterwards
 * the server has closed the handle.
 */
async function wellBehaved(t, address, options) {
  const channel = await connectChannel(address, options)
  t.after(() => channel.destroy())
  const { fds, inodes } = files(t, 1)
  const came = []
  channel.on('message', (message, handles) => came.push(noted(message, handles)))
  channel.on('error', (error) => came.push(error))
  let count = 0
  return async () => {
    for (const [sent, expected] of [
      [fds, inodes],
      // The server answers this message in a later turn, after it has closed the first handle.
      [[], []],
    ]) {
      const message = { echo: ++count }
      await channel.send(message, sent)
      assert.deepEqual(await until(() => came.shift(), 'an answer'), { message, inodes: expected })
    }
  }
}

class Server {
  #said
  #before

  constructor({ said, ...rest }) {
    this.#said = said
    Object.assign(this, rest)
    this.#before = this.#size()
  }

  #size() {
    const memory = (field) => Number.parseInt(status(this.pid, field), 10) * 1024
    return { open: this.#open(), resident: memory('VmRSS'), peak: memory('VmPeak') }
  }

  #open = () => Object.keys(descriptors(this.pid)).length

  /** Attacks the server: see attack(). */
  attacked = (...steps) => attack(this.address, ...steps).ended

  /** Opens `count` connections, which send one of `bytes` each, in turn. They stay open until `leave()`. */
  async crowd(t, count, ...bytes) {
    const args = [fixture('channel/hostile-crowd.py'), this.address, count, ...bytes.map((one) => one.toString('hex'))]
    const child = spawn(PYTHON, args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] })
    const exit = once(child, 'close')
    t.after(() => {
      child.kill('SIGKILL')
      return exit
    })
    await once(child.stdout, 'data')
    return {
      leave: () => {
        child.stdin.end()
        return exit
      },
    }
  }

  /** Waits for the next channel that the server reports as closed. Returns its report. */
  ended = () => until(() => this.#said.shift(), 'the end of a channel')

  /** Checks that the server answers its client, and has `open` more descriptors than at first and little more memory. */
  async isWell({ open = 0, resident = 128 * MiB } = {}) {
    await this.friend()
    await until(
      () => this.#open() === this.#before.open + open,
      `the server has ${open} descriptors more than at first`,
    )
    const now = this.#size()
    const grown = (what) => now[what] - this.#before[what]
    assert.ok(grown('resident') < resident, `${grown('resident') / MiB} MiB of memory`)
    // The peak counts memory that was never written, and memory that was given back.
    assert.ok(grown('peak') < 512 * MiB, `${grown('peak') / MiB} MiB of addresses`)
    assert.deepEqual(this.#said, [], 'no other channel has closed')
  }
}
