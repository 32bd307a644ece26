// A server of channels, somebody well-behaved who has one, and peers that are not: fixtures/hostile-server.mjs and
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
// As many descriptors as a process may open.
const LIMIT = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()

export const CARRIER = 2 ** 30
export const AHEAD = 2 ** 31

/** A header, whatever follows it. */
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

/** A step of hostile-peer.py's. */
export const send = (bytes, fds = 0, times = 1) => ({ send: Buffer.from(bytes).toString('hex'), fds, times })

/** Has hostile-peer.py take these steps on a connection; resolves when all that it has sent is closed. */
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

/** A server in a process of its own, which may open so many descriptors, and somebody well-behaved there. */
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
  assert.equal(await until(() => said.shift(), 'it listens'), 'listening')
  const friend = await wellBehaved(t, address, options)
  // What is opened once, is.
  await friend()
  return new Server({ address, pid: child.pid, said, friend })
}

/**
 * A channel to the server; each call sends a message with a handle, and sees that both come back. When it is over, the
 * server has closed that.
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
      // It is answered after the turn in which the first one was.
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

  /** The same, there. */
  attacked = (...steps) => attack(this.address, ...steps).ended

  /** So many connections at once, which send these bytes in turn; they stay until `leave()`. */
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

  /** How the next channel that is closed has ended. */
  ended = () => until(() => this.#said.shift(), 'a channel has ended')

  /** It serves others, and has so many descriptors more than at first, and about as much memory. */
  async isWell({ open = 0, resident = 128 * MiB } = {}) {
    await this.friend()
    await until(() => this.#open() === this.#before.open + open, `it has ${open} descriptors more than at first`)
    const now = this.#size()
    const grown = (what) => now[what] - this.#before[what]
    assert.ok(grown('resident') < resident, `${grown('resident') / MiB} MiB of memory`)
    // What was allocated, though nothing was written there, and though it was given back.
    assert.ok(grown('peak') < 512 * MiB, `${grown('peak') / MiB} MiB of addresses`)
    assert.deepEqual(this.#said, [], 'nobody else has lost a channel')
  }
}
