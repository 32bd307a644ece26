// Accepted and refused uses of index.d.ts. Only the compiler reads this file.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import {
  type Channel,
  type ChannelServer,
  channel,
  type Handle,
  listenChannel,
  type Process,
  type ProcnativeError,
  type Signal,
  type SystemError,
  setParentDeathSignal,
  socketpair,
  spawn,
  spawnDaemon,
  stopDaemon,
  type WaitOptions,
  type WaitStatus,
  waitpid,
} from 'procnative'

// True if two types are the same.
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Same<A, B>) {}

export async function events(one: Channel, server: ChannelServer) {
  one.on('message', (message, handles) => {
    same<typeof handles, Handle[]>(true)
    return message.anything
  })
  one.once('error', (error) => same<typeof error, Error>(true))
  one.off('close', () => {}).addListener('message', () => {})
  server.on('connection', (connected) => same<typeof connected, Channel>(true))
  server.prependListener('error', ({ message }) => message.length)
  // @ts-expect-error: no such event
  one.on('mesage', () => {})
  // @ts-expect-error: no such event
  server.once('conection', () => {})
  // @ts-expect-error: 'close' has no arguments
  one.on('close', (error) => error)
  // @ts-expect-error: a channel has no connections
  one.on('connection', (connected) => connected)
  await once(one, 'message')
}

export async function disposal(first: Handle, second: Process) {
  using handle = first
  using child = second
  await using end = channel(handle)
  await using server = await listenChannel('/run/app.sock', (connected) => same<typeof connected, Channel>(true))
  // @ts-expect-error: to close a channel takes a while
  using wrong = channel(handle)
  return [child, end, server, wrong]
}

export async function calls() {
  same<Process, ReturnType<typeof spawn>>(true)
  spawn('true')
  spawn('true', { cwd: new URL('file:///'), session: true })
  spawn('true', null, { env: { A: 1, B: true, D: undefined } })
  const { stdio } = spawn('true', ['a', 1], { stdio: ['pipe', null, undefined, 3] })
  same<(typeof stdio)[0], Socket | null>(true)
  await spawnDaemon('true', { stdio: [null, 'inherit', '/var/log/app'] })
  await listenChannel('/run/app.sock', { mode: 0o660 }, () => {})
  await listenChannel('/run/app.sock', () => {})
  // @ts-expect-error: null is no variable
  spawn('true', { env: { A: null } })
  // @ts-expect-error: no such option
  spawn('true', { uid: 0 })
  // @ts-expect-error: options come once
  spawn('true', {}, {})
}

export function waits(options: WaitOptions) {
  const plain = waitpid(1)
  same<typeof plain, WaitStatus>(true)
  const blocking = waitpid(1, { nohang: false, force: true })
  const other = waitpid(1, { untraced: true })
  same<typeof blocking, WaitStatus>(true)
  same<typeof other, WaitStatus>(true)
  const polled = waitpid(1, { nohang: true })
  same<typeof polled, WaitStatus | null>(true)
  const unknown = waitpid(1, options)
  same<typeof unknown, WaitStatus | null>(true)
}

export async function signals(child: Process) {
  child.kill('SIGRTMIN+1')
  child.kill(0)
  setParentDeathSignal('SIGRTMIN')
  await stopDaemon('/run/app.pid', { signal: 'SIGRTMIN+30' })
  const { signal } = waitpid(child.pid)
  same<typeof signal, Signal | null>(true)
  // @ts-expect-error: 64 is the last one
  child.kill('SIGRTMIN+31')
  // @ts-expect-error: its name begins with SIG
  child.kill('TERM')
}

export function errors(error: ProcnativeError | SystemError, own: ProcnativeError) {
  if (own.code === 'ERR_PROCNATIVE_DAEMON_EXITED')
    return [own.exitCode?.toFixed(), own.signal, own.stderr.length, own.cause]
  if (own.code === 'ERR_PROCNATIVE_ALREADY_RUNNING') return own.pid?.toFixed()
  if (own.code === 'ERR_PROCNATIVE_STOP_TIMEOUT') return own.pid + own.timeout
  // @ts-expect-error: this one has no pid
  if (own.code === 'ERR_PROCNATIVE_REPL') return own.pid
  // @ts-expect-error: no such code
  if (own.code === 'ERR_PROCNATIVE_NOTHING') return own
  if ('syscall' in error) return error.errno.toFixed()
  const [one]: Handle[] = socketpair()
  return one
}
