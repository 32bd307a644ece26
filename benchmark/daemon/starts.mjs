// Starts of daemons, one after the other. A start is over when the daemon has ended.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

// The longest time for a launcher, and for the start and the end of a daemon.
const PATIENCE = 20_000
const inTime = () => ({ signal: AbortSignal.timeout(PATIENCE) })

/** Calls `use(start, directory)` with a function that starts daemons, and a directory that exists meanwhile. */
export async function withStarts(use) {
  // The path without symbolic links, as /proc shows it.
  const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-bench-')))
  const socket = path.join(directory, 'socket')
  const daemons = new Set()
  const server = net.createServer((daemon) => {
    daemons.add(daemon)
    daemon.setEncoding('utf8').on('close', () => daemons.delete(daemon))
  })
  try {
    await once(server.listen(socket), 'listening')
    return await use((...args) => start({ socket, server, daemons }, ...args), directory)
  } finally {
    // A daemon that comes too late finds no socket, and ends.
    server.close()
    for (const daemon of daemons) daemon.destroy()
    fs.rmSync(directory, { recursive: true })
  }
}

/**
 * Starts a contender's daemon and ends it. Returns the times when the launcher had `returned` and when the daemon was `up`, in
 * milliseconds from the start, the launcher's `exitCode`, and the result `found` of `inspect` for the daemon's report. A daemon
 * that `fails` must end before it is up. Then only the values of the launcher are returned.
 */
async function start(world, contender, options = {}) {
  const { port = 0, execArgv = [], stdio = 'ignore', fails = false, inspect = () => {} } = options
  const [program, ...args] = [...contender.command(execArgv), world.socket, port]
  const began = process.hrtime.bigint()
  const since = (time) => Number(time - began) / 1e6
  const launcher = spawn(program, args.map(String), { stdio, timeout: PATIENCE, killSignal: 'SIGKILL' })
  try {
    const [launched, told] = await Promise.all([
      contender.isForeground ? {} : ending(launcher, since),
      story(world.server),
    ])
    if ((told === null) !== fails) throw new Error(fails ? 'it is up' : 'it has ended before it was up')
    return fails ? launched : { ...launched, up: since(BigInt(told.up)), found: inspect(told) }
  } catch (cause) {
    throw new Error(`the start of ${contender.name} went wrong`, { cause })
  } finally {
    await Promise.all([...world.daemons].map(end))
  }
}

async function ending(launcher, since) {
  const [exitCode] = await once(launcher, 'exit')
  return { returned: since(process.hrtime.bigint()), exitCode }
}

/** Returns the report of the next daemon, or null if the daemon ends before it. */
async function story(server) {
  const [daemon] = await once(server, 'connection', inTime())
  const [text] = await Promise.race([once(daemon, 'data', inTime()), once(daemon, 'close')])
  return text ? JSON.parse(text) : null
}

/** Ends the connection, with which the daemon ends, and waits for its end. */
async function end(daemon) {
  daemon.end()
  await once(daemon, 'close', inTime())
}
