'use strict'

const { inspect } = require('node:util')
const errors = require('./errors.js')
const { handleOf } = require('./handle.js')
const { identity } = require('./identity.js')
const { launch } = require('./launcher.js')
const native = require('./native.js')
const { afterMainScript } = require('./readiness.js')
const { descriptorOf, sendable } = require('./sendable.js')
const systemd = require('./systemd.js')
const validate = require('./validate.js')

// Left by the launcher: DESCRIPTOR:INODE:PID of the link to it (src/daemon/link.rs). What is kept follows the link.
const MARKER = 'PROCNATIVE_DAEMON'

const output = validate.numberOrString(validate.descriptor, validate.string)
const credential = validate.numberOrString(validate.credential, validate.string)

const CHECKS = {
  cwd: validate.string,
  umask: validate.fileMode,
  stdout: output,
  stderr: output,
  user: credential,
  group: credential,
  keep: validate.arrayOf(sendable),
  ready: validate.oneOf('auto', 'manual'),
  readyTimeout: validate.milliseconds,
  foreground: validate.boolean,
}

const DEFAULTS = {
  cwd: '/',
  umask: 0o022,
  stdout: 'ignore',
  keep: [],
  ready: 'auto',
  readyTimeout: 30_000,
  foreground: false,
}

// What daemonize() returns: there is one in a process at the most.
class Daemon {
  #release

  constructor({ foreground, kept, release }) {
    this.#release = release
    this.pid = process.pid
    this.sid = native.getsid(0)
    this.foreground = foreground
    this.kept = kept
  }

  ready() {
    const release = this.#release
    this.#release = undefined
    release?.()
  }
}

let daemon

function daemonize(given) {
  const checked = validate.options(given, 'options', CHECKS)
  const options = { ...DEFAULTS, stderr: checked.stdout ?? DEFAULTS.stdout, ...checked }
  const runtime = ['bun', 'deno'].find((name) => name in process.versions)
  if (runtime) throw errors.runtime('daemonize()', runtime)
  if (!require('node:worker_threads').isMainThread) throw errors.workerThread('daemonize()')
  if (daemon) throw errors.alreadyDaemonized()

  const joined = joinLauncher()
  if (joined) return becomeDaemon(joined)
  if (options.foreground) return stayInForeground(options)
  return launch(options)
}

// The link to the launcher, if this process is the daemon: the marker is good for one process and for once.
function joinLauncher() {
  const marker = process.env[MARKER]
  if (marker === undefined) return null
  delete process.env[MARKER]
  const [descriptor, inode, pid] = marker.split(':').map(Number)
  const joined = pid === process.pid && descriptor > 2 ? native.joinLauncher(descriptor, inode) : null
  return joined && { link: joined.link, firstKept: descriptor + 1, ...JSON.parse(joined.settings) }
}

function becomeDaemon({ link, firstKept, cwd, execPath, ready, keeps, capturesStderr }) {
  const tell = (error) => native.tellLauncher(link, describe(error))
  process.on('uncaughtExceptionMonitor', tell)
  // A binary that was replaced has a path that says so, and nothing can be run by that.
  process.execPath = execPath
  process.argv[0] = execPath
  process.chdir(cwd)
  return start(ready, {
    foreground: false,
    kept: Array.from({ length: keeps }, (_, index) => firstKept + index),
    release() {
      process.off('uncaughtExceptionMonitor', tell)
      if (capturesStderr) native.discardStderr()
      native.releaseLauncher(link)
    },
  })
}

// Everything but the fork, the session and the redirection.
function stayInForeground({ cwd, umask, user, group, keep, ready }) {
  const before = process.cwd()
  const credentials = identity(user, group)
  const descriptors = keep.map((value, index) => descriptorOf(value, `options.keep[${index}]`))
  process.chdir(cwd)
  try {
    if (credentials) takeOn(credentials)
  } catch (error) {
    process.chdir(before)
    throw error
  }
  process.umask(umask)
  return start(ready, { foreground: true, kept: descriptors.map(native.duplicate), release: systemd.ready })
}

// Groups, then gid, then uid: the other way round the right to do the rest would be gone.
function takeOn({ uid, gid, groups }) {
  if (groups) process.setgroups(groups)
  process.setgid(gid)
  if (uid !== undefined) process.setuid(uid)
}

function start(ready, { foreground, kept, release }) {
  daemon = new Daemon({ foreground, kept: Object.freeze(kept.map(handleOf)), release })
  if (ready === 'auto') afterMainScript(() => daemon.ready())
  return daemon
}

// What the launcher makes an error of again; anything can be thrown.
function describe(error) {
  if (!(error instanceof Error)) return JSON.stringify({ message: inspect(error), stack: inspect(error) })
  const { name, message, stack, code } = error
  return JSON.stringify({ name, message: String(message), stack: String(stack), code })
}

module.exports = { daemonize }
