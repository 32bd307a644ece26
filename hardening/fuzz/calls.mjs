// A valid call of each function and method. The fuzzer changes one argument or property of it.

import net from 'node:net'
import { fileURLToPath } from 'node:url'
import { Thrown } from './shape.mjs'

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url))
const NOWHERE = '/nonexistent/fuzz'
const SIGNALS = ['SIGTERM', 'SIGKILL', 'SIGUSR1', 'SIGCONT', 'SIGSTOP', 'SIGWINCH']
const nothing = () => []

// Returns a random subset of options.
function some(world, makers) {
  const chosen = Object.entries(makers).filter(() => world.random.chance(0.35))
  return Object.fromEntries(chosen.map(([key, make]) => [key, make()]))
}

const program = ({ random }) =>
  random.pick([
    ['true', []],
    ['sleep', ['0.1']],
    ['/bin/sh', ['-c', 'exit 3']],
    [NOWHERE, ['x']],
  ])

const boolean = ({ random }) => random.chance(0.5)
const stream = (world) =>
  world.random.chance(0.3) ? world.sendable() : world.random.pick(['pipe', 'ignore', 'inherit'])
const streams = (world) => Array.from({ length: world.random.below(6) }, () => stream(world))
const outputs = (world) => Array.from({ length: 3 }, () => world.random.pick(['ignore', 'inherit', 1]))
const sendables = (world) => Array.from({ length: world.random.below(4) }, () => world.sendable())
const environment = ({ random }) => random.pick([{}, { PATH: '/bin', A: 'b' }, { A: undefined }, process.env])
const user = ({ random }) => random.pick(['root', 0, 'nobody', 65_534, 'nobody there'])
const abort = ({ random }) => random.pick([AbortSignal.timeout(5), AbortSignal.abort(), new AbortController().signal])
const bytesOrText = (world) => (world.random.chance(0.5) ? world.bytes() : { a: [1, 'x', null] })

const channelOptions = (world) =>
  some(world, {
    serialization: () => world.random.pick(['json', 'advanced', 'raw']),
    maxMessageLength: () => world.random.pick([1, 100, 2 ** 20]),
    maxHandles: () => world.random.pick([0, 1, 300]),
  })

const credentials = (world) => ({ user: () => user(world), group: () => user(world) })

function spawnOptions(world) {
  const { random } = world
  return some(world, {
    ...credentials(world),
    argv0: () => 'fuzz',
    cwd: () => random.pick(['/', NOWHERE]),
    env: () => environment(world),
    stdio: () => (random.chance(0.5) ? streams(world) : 'ignore'),
    umask: () => 0o22,
    session: () => boolean(world),
    processGroup: () => random.pick([0, world.pid()]),
    controllingTerminal: () => 0,
    foreground: () => 0,
    parentDeathSignal: () => random.pick(SIGNALS),
  })
}

function daemonOptions(world) {
  const { random } = world
  const options = some(world, {
    ...credentials(world),
    umask: () => 0o27,
    stdout: () => random.pick(['ignore', 'inherit', world.path(), 1]),
    stderr: () => random.pick(['ignore', 'inherit', world.path(), 2]),
    keep: () => sendables(world),
    ready: () => random.pick(['auto', 'manual']),
    readyTimeout: () => random.pick([1, 300, 1000]),
    pidFile: () => `${world.directory}/daemon.pid`,
  })
  // After a successful start, the launcher ends. So most starts must fail in their last step.
  if (random.chance(0.05)) return { ...options, readyTimeout: 1000, cwd: '/' }
  return random.chance(0.1) ? { ...options, foreground: true, cwd: world.directory } : { ...options, cwd: NOWHERE }
}

function spawnDaemonOptions(world) {
  const { random } = world
  return some(world, {
    ...credentials(world),
    argv0: () => 'fuzz',
    cwd: () => random.pick(['/', NOWHERE]),
    env: () => environment(world),
    umask: () => 0o22,
    stdio: () => random.pick(['ignore', outputs(world)]),
    pidFile: () => world.path(),
    ready: () => random.pick(['exec', 'notify']),
    readyTimeout: () => random.pick([1, 50]),
    listen: () => random.pick([sendables(world), { web: world.handle() }]),
  })
}

// Sets the variables of systemd, but never a count that includes descriptors of the runtime.
function socketVariables({ random }) {
  process.env.LISTEN_PID = random.pick([String(process.pid), '1', 'x'])
  process.env.LISTEN_FDS = random.pick(['0', '-1', 'x', '', '1000000', '1e9'])
  process.env.LISTEN_FDNAMES = random.pick(['', 'a:b', ':::'])
  return []
}

function notification({ random, directory }) {
  process.env.NOTIFY_SOCKET = random.pick(['@fuzz', NOWHERE, `${directory}/path-0`, 'x'.repeat(200), '', 'relative'])
  return [random.pick(['READY=1', 'STATUS=fuzz', 'x'.repeat(300_000)])]
}

function target(world) {
  const child = world.object('Child')
  return child && world.random.chance(0.2)
    ? child
    : world.random.pick([world.channel(), world.descriptor(), world.handle()])
}

function connected(world) {
  const fd = world.socket('stream').take()
  if (world.random.chance(0.5)) return world.ours(fd)
  return world.keep(new net.Socket({ fd }))
}

export const FUNCTIONS = {
  setsid: nothing,
  getsid: (world) => [world.pid()],
  getpgid: (world) => [world.pid()],
  setpgid: (world) => [world.pid(), world.pid()],
  tcgetpgrp: () => [0],
  tcsetpgrp: (world) => [0, world.pid()],
  tcgetsid: () => [0],
  controllingTerminal: nothing,
  setChildSubreaper: (world) => [boolean(world)],
  isChildSubreaper: nothing,
  setParentDeathSignal: ({ random }) => [random.pick([null, 'SIGCONT', 'SIGWINCH'])],
  daemonize: (world) => [daemonOptions(world)],
  spawnDaemon: (world) => [...program(world), spawnDaemonOptions(world)],
  daemonStatus: (world) => [world.path()],
  stopDaemon: (world) => [
    world.path(),
    some(world, {
      signal: () => world.random.pick(SIGNALS),
      timeout: () => world.random.pick([1, 50]),
      kill: () => boolean(world),
    }),
  ],
  spawn: (world) => [...program(world), spawnOptions(world)],
  openProcess: (world) => [world.pid()],
  waitpid: (world) => [
    world.random.pick([world.pid(), world.pid(), -1]),
    // Without nohang, the call would block as long as a child runs.
    Object.assign(
      some(world, {
        untraced: () => boolean(world),
        continued: () => boolean(world),
        nowait: () => boolean(world),
        force: () => boolean(world),
      }),
      { nohang: world.random.chance(0.9) },
    ),
  ],
  wait: (world) => [
    world.pid(),
    some(world, { observe: () => boolean(world), force: () => boolean(world), signal: () => abort(world) }),
  ],
  reapOrphans: () => [() => {}],
  protect: (world) => [world.pid()],
  listenFds: socketVariables,
  notify: notification,
  channel: (world) => [connected(world), channelOptions(world)],
  sendHandle: (world) => [target(world), bytesOrText(world), world.random.pick([sendables(world), world.sendable()])],
  fork: (world) => [CHILD, [], some(world, { channel: () => channelOptions(world), silent: () => boolean(world) })],
  parentChannel: nothing,
  connectChannel: (world) => [world.path(), channelOptions(world)],
  listenChannel: (world) => [
    world.path(),
    { ...channelOptions(world), ...some(world, { mode: () => 0o600, authorize: () => () => boolean(world) }) },
    (channel) => world.keep(channel),
  ],
  listenUnix: (world) => [world.path(), some(world, { mode: () => 0o600, backlog: () => 5 })],
  socketpair: ({ random }) => [random.pick(['stream', 'seqpacket', 'dgram'])],
  sendFds: (world) => [world.socket(), world.bytes(), sendables(world)],
  recvFds: (world) => [
    world.handle(),
    some(world, { maxLength: () => world.random.pick([1, 100]), maxFds: () => world.random.pick([0, 1, 253, 254]) }),
  ],
  dup: (world) => [world.descriptor()],
  dup2: (world) => [world.descriptor(), world.descriptor()],
  setCloseOnExec: (world) => [world.descriptor(), boolean(world)],
  openFds: nothing,
}

const event = ({ random }) => random.pick(['message', 'close', 'error', 'fuzz'])
const listener = (world) => [event(world), () => {}]

/** Valid arguments of methods that take arguments. */
export const METHODS = {
  'Process.kill': ({ random }) => [random.pick([...SIGNALS, 0, 64, 9])],
  'Process.wait': (world) => [some(world, { signal: () => abort(world) })],
  'Channel.send': (world) => [bytesOrText(world), world.random.pick([undefined, world.sendable(), sendables(world)])],
  'Channel.on': listener,
  'Channel.addListener': listener,
  'Channel.prependListener': listener,
  'Channel.once': listener,
  'Channel.off': listener,
  'Channel.removeListener': listener,
  'Channel.removeAllListeners': (world) => [event(world)],
  'Channel.destroy': ({ random }) => random.pick([[], [new Thrown()]]),
}

/** Probabilities of functions that take long. */
export const RARE = { fork: 0.03, daemonize: 0.2, spawnDaemon: 0.2, spawn: 0.3, waitpid: 0.5 }
