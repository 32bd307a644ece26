// Handle adopt() of datagram sockets.

import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import fs from 'node:fs'
import { adopted } from '../helpers/adopted.mjs'
import { isOpen, made } from '../helpers/handles.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, runScript } from '../helpers/run.mjs'

const NODE = needs('Node.js', isNode)
const LOCAL = { udp4: ['127.0.0.1', 'IPv4'], udp6: ['::1', 'IPv6'] }

/** Returns the port of a bound socket from /proc/net. */
function portOf({ fd }) {
  const [inode] = fs.readlinkSync(`/proc/self/fd/${fd}`).match(/\d+/)
  const lines = ['udp', 'udp6'].flatMap((name) => fs.readFileSync(`/proc/net/${name}`, 'utf8').split('\n'))
  const fields = lines.map((line) => line.trim().split(/ +/)).find((line) => line[9] === inode)
  return Number.parseInt(fields[1].split(':')[1], 16)
}

/** Waits for a datagram. Returns its text and its sender. */
async function next(socket) {
  const [data, { address, port }] = await once(socket, 'message')
  return { text: data.toString(), address, port }
}

for (const [name, [address, family]] of Object.entries(LOCAL)) {
  test(`Handle adopt(): makes ${name} a bound dgram.Socket that sends and receives`, {
    contract: 'H8',
    ...NODE,
  }, async (t) => {
    const handles = made(t, name).slice(0, 2)
    const [a, b] = handles.map((handle) => adopted(t, handle))
    for (const handle of handles) assert.throws(() => handle.fd, { code: 'ERR_PROCNATIVE_HANDLE_CLOSED' })
    for (const socket of [a, b]) {
      assert.ok(socket instanceof dgram.Socket)
      const { port, ...rest } = socket.address()
      assert.deepEqual(rest, { address, family })
      assert.ok(port > 0)
    }
    for (const [from, to] of [
      [a, b],
      [b, a],
    ]) {
      const arrival = next(to)
      from.send('a word', to.address().port, address)
      assert.deepEqual(await arrival, { text: 'a word', address, port: from.address().port })
    }
  })

  test(`Handle adopt(): keeps datagrams that came before, ${name}`, { contract: 'H8', ...NODE }, async (t) => {
    const [a, b] = made(t, name)
    const sender = adopted(t, a)
    await new Promise((resolve) => sender.send('sent before', portOf(b), address, resolve))
    assert.equal(b.kind, 'udp')
    assert.equal((await next(adopted(t, b))).text, 'sent before')
  })

  test(`Handle adopt(): makes connected ${name} a connected dgram.Socket`, { contract: 'H8', ...NODE }, async (t) => {
    const [a, b] = made(t, name)
      .slice(2)
      .map((handle) => adopted(t, handle))
    for (const [from, to] of [
      [a, b],
      [b, a],
    ]) {
      const arrival = next(to)
      from.send('a word')
      assert.deepEqual(await arrival, { text: 'a word', address, port: from.address().port })
      assert.deepEqual(from.remoteAddress(), to.address())
    }
  })
}

test('Handle adopt(): close() of the dgram.Socket closes the descriptor', { contract: 'H8', ...NODE }, async (t) => {
  const [handle] = made(t, 'udp4')
  const { fd } = handle
  const socket = adopted(t, handle)
  socket.close()
  await once(socket, 'close')
  assert.equal(isOpen(fd), false)
})

test('Handle adopt(): takes a datagram socket with the number of stdin', { contract: 'H8', ...NODE }, async () => {
  const { code, stdout, stderr } = await runScript(fixture('descriptor/adopt-stdin-socket.mjs'))
  assert.deepEqual([code, stderr], [0, ''])
  assert.deepEqual(reports(stdout), [
    { fd: 0, kind: 'udp', samePort: true },
    { received: 'to it', sent: 'from it', fromSamePort: true },
    { left: false },
  ])
})
