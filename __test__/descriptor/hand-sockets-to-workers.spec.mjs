// The idiom of the tutorials: a master hands its server or its connections to workers, which serve without the master.

import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { fork, listenUnix, sendHandle } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { foster } from '../helpers/foster.mjs'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { peer } from '../helpers/peer.mjs'
import { isAlive, stat } from '../helpers/proc.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'
import { until } from '../helpers/until.mjs'

const onlyNode = needs('Node.js', isNode)

/** Starts a worker, killed with the test. Returns it with its messages. */
function worker(t) {
  const child = fork(fixture('descriptor/serve-handed-sockets.mjs'))
  const exit = once(child, 'exit')
  const said = []
  child.handles.on('message', (message) => said.push(message))
  const kill = () => {
    child.kill('SIGKILL')
    return exit
  }
  t.after(kill)
  return { child, said, kill }
}

const workers = (t, count) => Array.from({ length: count }, () => worker(t))

/** Hands a handle over. Resolves when the worker has taken the handle. */
async function hand({ child, said }, what, handle) {
  await sendHandle(child, what, handle)
  assert.equal(await until(() => said.shift(), 'the worker has taken it'), `has done: ${what}`)
}

async function listening(t) {
  const server = net.createServer().listen(0)
  t.after(() => server.close())
  await once(server, 'listening')
  return { server, port: server.address().port }
}

const closed = (server) => new Promise((resolve) => server.close(resolve))

/** Sends a request on a new connection. Returns the pid and ppid of the worker that answers. */
async function ask(where) {
  const request = http.get({ host: '127.0.0.1', ...where, agent: false, timeout: 15_000 })
  request.on('timeout', () => request.destroy(new Error('no worker answers')))
  const [response] = await once(request, 'response')
  const [, pid, ppid] = (await text(response)).match(/^I am worker, pid: (\d+)(?:, ppid: (\d+))?$/)
  return { pid: Number(pid), ppid: Number(ppid) }
}

/** Checks that each worker serves: kills the worker that answers, until none is left. */
async function eachServes(all, where) {
  const left = new Map(all.map((one) => [one.child.pid, one]))
  while (left.size > 0) {
    const { pid } = await ask(where)
    assert.ok(left.has(pid))
    await left.get(pid).kill()
    left.delete(pid)
  }
  await assert.rejects(ask(where), { code: 'ECONNREFUSED' })
}

test('sendHandle(): hands a server to four workers, which all serve', { contract: 'H9', ...onlyNode }, async (t) => {
  const { server, port } = await listening(t)
  const all = workers(t, 4)
  await Promise.all(all.map((one) => hand(one, 'server', server)))
  await closed(server)
  await eachServes(all, { port })
})

test('Channel send(): hands a server over in the turn of fork()', { contract: 'H9', ...onlyNode }, async (t) => {
  const { server, port } = await listening(t)
  const all = workers(t, 4)
  for (const { child } of all) child.handles.send('server', server)
  server.close()
  for (const { said } of all) await until(() => said.length === 1, 'a worker has it')
  await eachServes(all, { port })
})

test('Channel send(): workers keep the server after their master’s end', { contract: 'H9', ...onlyNode }, async (t) => {
  const { pid: master, code, stdout, stderr } = await runScript(fixture('descriptor/hand-out-server.mjs'), [4])
  assert.equal(code, 0, stderr)
  const [{ port, pids }] = reports(stdout)
  t.after(() => Promise.all(pids.map((pid) => end(pid))))

  const parent = foster(t)

  // Connections wait in the listener's queue for any worker.
  for (const left = new Set(pids); left.size > 0; ) {
    const { pid, ppid } = await ask({ port })
    assert.ok(left.delete(pid))
    assert.equal(isAlive(master), false)
    assert.equal(ppid, parent)
    assert.equal(stat(pid).ppid, parent)
    await end(pid)
  }
  // The threads of a dead process may hold the socket a moment longer.
  await until(async () => (await ask({ port }).catch(({ code }) => code)) === 'ECONNREFUSED', 'no process listens')
})

for (const pauseOnConnect of [false, true]) {
  test(`sendHandle(): hands connections out without a FIN${pauseOnConnect ? ', paused' : ''}`, {
    contract: 'H9',
    ...onlyNode,
  }, async (t) => {
    const all = workers(t, 4)
    const sent = []
    const server = net.createServer({ pauseOnConnect }, (socket) => {
      sent.push(sendHandle(all[sent.length % all.length].child, 'connection', socket))
      socket.destroy()
    })
    server.listen(0)
    t.after(() => server.close())

    const clients = Array.from({ length: 200 }, () => new Client(server.address().port))
    await until(() => sent.length === clients.length, 'all connections are accepted')
    await Promise.all(sent)
    const pids = await Promise.all(clients.map((client) => client.visit()))
    for (const { child } of all) assert.equal(pids.filter((pid) => pid === child.pid).length, 50)
    assert.equal(await new Promise((resolve) => server.getConnections((_, count) => resolve(count))), 0)
  })
}

class Client {
  #socket
  #said = ''
  #ended = false

  constructor(port) {
    this.#socket = net.connect(port, '127.0.0.1').setEncoding('utf8')
    this.#socket.on('data', (data) => {
      this.#said += data
    })
    this.#socket.on('end', () => {
      this.#ended = true
    })
  }

  /** Asks twice: the worker ends the connection only after the second answer. Resolves with the pid of the worker. */
  async visit() {
    const first = await this.#ask('keep-alive')
    assert.equal(this.#ended, false)
    const second = await this.#ask('close')
    await until(() => this.#ended, 'the worker ends the connection')
    assert.equal(first, second)
    return first
  }

  async #ask(connection) {
    this.#said = ''
    this.#socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nConnection: ${connection}\r\n\r\n`)
    const [, pid] = await until(() => this.#said.match(/I am worker, pid: (\d+), ppid: \d+/), 'an answer')
    return Number(pid)
  }
}

test('sendHandle(): hands a UDP socket to a worker', { contract: 'H9', ...onlyNode }, async (t) => {
  const [one] = workers(t, 1)
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port, address } = socket.address()
  await hand(one, 'udp', socket)
  socket.close()

  const client = dgram.createSocket('udp4')
  t.after(() => client.close())
  client.send('who?', port, address)
  const [answer] = await once(client, 'message')
  assert.equal(answer.toString(), `I am worker, pid: ${one.child.pid}`)
})

test('sendHandle(): hands a server of listenUnix() over, its path stays', {
  contract: 'H9',
  ...onlyNode,
}, async (t) => {
  const socketPath = path.join(temporary(t), 'socket')
  const handle = listenUnix(socketPath)
  const { ino } = fs.lstatSync(socketPath)
  const all = workers(t, 2)
  await Promise.all(all.map((one) => hand(one, 'server', handle)))
  handle.close()

  const [first, second] = all
  await hand(first, 'close')
  assert.equal((await ask({ socketPath })).pid, second.child.pid)
  await hand(second, 'close')
  assert.equal(fs.lstatSync(socketPath).ino, ino)
  await assert.rejects(ask({ socketPath }), { code: 'ECONNREFUSED' })
})

test('sendHandle(): hands a server to a Python and a Node.js worker', { contract: 'H9', ...onlyNode }, async (t) => {
  const { server, port } = await listening(t)
  const { channel, child, ended } = peer(t, ['serve-handed-socket.py'])
  const said = []
  channel.on('message', (message) => said.push(message))
  const [node] = workers(t, 1)
  await Promise.all([hand({ child: channel, said }, 'server', server), hand(node, 'server', server)])
  await closed(server)

  const kill = () => {
    child.kill('SIGKILL')
    return ended
  }
  await eachServes([node, { child, kill }], { port })
})
