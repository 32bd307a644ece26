// The world of a round: its random numbers, and the objects that its calls have returned, which later calls use.

import { ChildProcess } from 'node:child_process'
import dgram from 'node:dgram'
import { EventEmitter } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { isProxy } from 'node:util/types'
import { DESCRIPTORS } from './rules.mjs'
import { Thrown } from './shape.mjs'

// The number of kept objects of each kind.
const MOST = 8

export class World {
  random
  procnative
  directory
  notes = []
  isExotic = false
  #live = new Map()
  #number = 0
  #buffers = []
  #call

  /** `call` makes a random call, for getters that call procnative during a call. */
  constructor({ random, procnative, directory, call }) {
    Object.assign(this, { random, procnative, directory })
    this.#call = call
  }

  /** Forgets the notes of the last call. */
  begin() {
    this.notes = []
    this.isExotic = false
    this.#buffers = []
  }

  note(text) {
    this.notes.push(text)
  }

  // ── Objects ──

  /** Returns a live object of a kind, or makes one. */
  handle() {
    return this.#one('Handle') ?? this.#fresh('stream')
  }

  process() {
    return this.#one('Process') ?? this.keep(this.procnative.spawn('sleep', ['0.1'], { stdio: 'ignore' }))
  }

  channel() {
    return this.#one('Channel') ?? this.keep(this.procnative.channel(this.#fresh('stream')))
  }

  object(kind) {
    if (kind === 'Handle') return this.handle()
    if (kind === 'Process') return this.process()
    return kind === 'Channel' ? this.channel() : this.#one(kind)
  }

  anything() {
    const kinds = [...this.#live.keys()]
    return kinds.length > 0 ? this.#one(this.random.pick(kinds)) : {}
  }

  /** Returns one end of a new socket pair, and keeps the other end. */
  socket(type = this.random.pick(['stream', 'seqpacket', 'dgram'])) {
    return this.#fresh(type)
  }

  /** Returns the number of a new descriptor that no other object owns. */
  descriptor() {
    const fd = this.ours(this.socket().take())
    this.note(`descriptor ${fd}`)
    return fd
  }

  /** Moves a descriptor into the range of descriptors that are passed by number. */
  ours(fd) {
    const number = DESCRIPTORS.first + (this.#number++ % (DESCRIPTORS.last - DESCRIPTORS.first + 1))
    this.procnative.dup2(fd, number)
    fs.closeSync(fd)
    return number
  }

  sendable() {
    const kinds = ['Handle', 'Server', 'Socket', 'Datagram']
    const { random } = this
    return random.chance(0.3) ? this.descriptor() : (this.#one(random.pick(kinds)) ?? this.handle())
  }

  pid() {
    const { random } = this
    return random.pick([0, process.pid, process.ppid, this.#one('Process')?.pid ?? 0, this.#one('Child')?.pid ?? 0])
  }

  path() {
    return path.join(this.directory, `path-${this.random.below(4)}`)
  }

  bytes(length = this.random.below(64)) {
    const bytes = new Uint8Array(new ArrayBuffer(length, { maxByteLength: 2 * length }))
    this.#buffers.push(bytes.buffer)
    return bytes
  }

  // ── Actions of getters during a call ──

  reenter() {
    this.#call()
  }

  closeSomething() {
    const kind = this.random.pick(['Handle', 'Channel', 'Process'])
    this.#dispose(kind, this.#one(kind))
  }

  detachSomething() {
    for (const buffer of this.#buffers.splice(0)) {
      if (this.random.chance(0.5)) buffer.resize(0)
      else structuredClone(buffer, { transfer: [buffer] })
    }
  }

  // ── Results ──

  /** Keeps the result of a call, and the objects in it. */
  keep(value) {
    // A returned proxy was `this`.
    if (isProxy(value)) return value
    const kind = this.#kindOf(value)
    if (kind !== undefined) this.#add(kind, value)
    else if (Array.isArray(value)) for (const one of value) this.keep(one)
    else if (Array.isArray(value?.handles)) this.keep(value.handles)
    return value
  }

  /** Closes all kept objects. */
  close() {
    for (const [kind, list] of this.#live) for (const one of list.splice(0)) this.#dispose(kind, one)
  }

  #kindOf(value) {
    const { Handle, Process, Channel, ChannelServer } = this.procnative
    const KINDS = {
      Handle,
      Process,
      Channel,
      ChannelServer,
      Child: ChildProcess,
      Server: net.Server,
      Socket: net.Socket,
    }
    const found = Object.entries({ ...KINDS, Datagram: dgram.Socket }).find(([, Class]) => value instanceof Class)
    if (found) return found[0]
    if (typeof value?.stop === 'function') return 'Stop'
    if (typeof value?.reopenLogs === 'function') return 'Daemon'
    return typeof value?.next === 'function' ? 'Iterator' : undefined
  }

  #add(kind, value) {
    if (value instanceof EventEmitter) value.on('error', () => {})
    if (kind === 'Child') this.keep(value.handles)
    if (kind === 'Process') this.keep([...value.stdio])
    if (kind === 'Channel') value.on('message', (_, handles) => this.#received(handles))
    if (!this.#live.has(kind)) this.#live.set(kind, [])
    const list = this.#live.get(kind)
    if (list.includes(value)) return
    list.push(value)
    if (list.length <= MOST) return
    const oldest = list.shift()
    // Otherwise the object is left to the garbage collector.
    if (this.random.chance(0.7)) this.#dispose(kind, oldest)
  }

  #received(handles) {
    if (this.random.chance(0.2)) throw new Thrown()
    if (this.random.chance(0.5)) this.keep(handles)
  }

  #one(kind) {
    const list = this.#live.get(kind) ?? []
    return list.length > 0 ? this.random.pick(list) : undefined
  }

  #fresh(type) {
    const [one, other] = this.procnative.socketpair(type)
    this.keep(other)
    return this.keep(one)
  }

  #dispose(kind, value) {
    if (value === undefined) return
    if (kind === 'Socket' || kind === 'Channel') value.destroy()
    else if (kind === 'Child') value.kill('SIGKILL')
    else if (kind === 'Stop') value.stop()
    else if (kind === 'Iterator') value.return()
    else if (kind !== 'Daemon') this.#close(value)
  }

  // Objects of Node.js throw or reject if they are already closed.
  #close(value) {
    try {
      value.close()?.catch?.(() => {})
    } catch (error) {
      if (!/^ERR_(SERVER|SOCKET)/.test(error.code)) throw error
    }
  }
}
