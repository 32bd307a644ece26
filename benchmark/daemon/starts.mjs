// Starts of a daemon, one by one, each of which is over when the daemon has ended.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

// Beyond this a launcher hangs, or a daemon does not come or go.
const PATIENCE = 20_000
const inTime = () => ({ signal: AbortSignal.timeout(PATIENCE) })

/** Lets a function start daemons, and have a directory for as long: use(start, directory). */
export async function withStarts(use) {
  // As the kernel names it.
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
    // One that comes too late finds no socket, and ends of that.
    server.close()
    for (const daemon of daemons) daemon.destroy()
    fs.rmSync(directory, { recursive: true })
  }
}

/**
 * Starts a contender's daemon and ends it. Gives when the launcher had `returned` and when the daemon was `up`, in
 * milliseconds from the start; the launcher's `exitCode`; and what `inspect` has `found`, given what the daemon tells
 * of itself. Of one that `fails`, which is to end before it is up, there is only what the launcher did.
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

/** What the next daemon tells of itself, or null when it ends before that. */
async function story(server) {
  const [daemon] = await once(server, 'connection', inTime())
  const [text] = await Promise.race([once(daemon, 'data', inTime()), once(daemon, 'close')])
  return text ? JSON.parse(text) : null
}

/** Resolves when the daemon, which ends with the connection, has ended. */
async function end(daemon) {
  daemon.end()
  await once(daemon, 'close', inTime())
}
