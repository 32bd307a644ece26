// examples/cluster: round-robin and a shared socket.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { example } from '../helpers/example.mjs'
import { isNode, needs, test } from '../helpers/harness.mjs'
import { descriptors, isAlive, stat } from '../helpers/proc.mjs'
import { until } from '../helpers/until.mjs'
import { socketsAt } from './helpers/tcp.mjs'

const onlyNode = needs('Node.js', isNode)
const WORKERS = 4
const CONNECTIONS = 100

/** Starts the example and waits for its table of answers. The example serves until its input ends. */
async function cluster(t, ...ways) {
  const program = example(t, 'cluster', ways.length === 1 ? ways : [])
  const line = ' +worker (\\d+) +(\\d+).*\\n'
  const tables = []
  for (const way of ways) {
    const table = `^${way}: http://127\\.0\\.0\\.1:(\\d+)/\\n${line.repeat(WORKERS)}`
    const [, port, ...cells] = (await program.says(new RegExp(table, 'm'))).map(Number)
    const workers = cells.filter((_, at) => at % 2 === 0)
    const counts = cells.filter((_, at) => at % 2 === 1)
    tables.push({ port, workers, counts })
  }
  const master = program.child.pid
  const all = tables.flatMap(({ workers }) => workers)
  assert.equal(new Set(all).size, WORKERS * ways.length)
  for (const pid of all) assert.equal(stat(pid).ppid, master)
  const ends = async () => {
    program.child.stdin.end()
    const { code, stderr } = await program.ended()
    assert.equal(code, 0, stderr)
    for (const pid of all) assert.equal(isAlive(pid), false)
    for (const { port } of tables) await assert.rejects(ask(port), { code: 'ECONNREFUSED' })
  }
  return { master, tables, ends }
}

/** Returns the pid of the worker that answers. */
async function ask(port) {
  const [response] = await once(http.get({ host: '127.0.0.1', port, agent: false }), 'response')
  return Number(await text(response))
}

const sum = (counts) => counts.reduce((all, count) => all + count, 0)

const has = (pid, link) => Object.values(descriptors(pid)).includes(link)

/** Waits until all connections of a port are closed. Returns the processes that hold its only listening socket. */
async function listeners(port, pids) {
  const { listening } = socketsAt(port)
  assert.equal(listening.length, 1)
  await until(() => socketsAt(port).connected.length === 0, 'no connection is left open')
  return pids.filter((pid) => has(pid, listening[0]))
}

test('examples/cluster: the master deals connections out evenly, round-robin', onlyNode, async (t) => {
  const { master, tables, ends } = await cluster(t, 'round-robin')
  const [{ port, workers, counts }] = tables
  assert.deepEqual(counts, Array(WORKERS).fill(CONNECTIONS / WORKERS))
  assert.deepEqual(await listeners(port, [master, ...workers]), [master])

  // Round-robin continues in the same order after the first 100 connections.
  for (const worker of [...workers, ...workers]) assert.equal(await ask(port), worker)
  await ends()
})

test('examples/cluster: all workers accept on one socket, shared', onlyNode, async (t) => {
  const { master, tables, ends } = await cluster(t, 'shared')
  const [{ port, workers, counts }] = tables
  assert.equal(sum(counts), CONNECTIONS)
  assert.deepEqual(await listeners(port, [master, ...workers]), workers)
  assert.ok(workers.includes(await ask(port)))
  await ends()
})

test('examples/cluster: no worker outlives a killed master', onlyNode, async (t) => {
  const { master, tables } = await cluster(t, 'round-robin', 'shared')
  process.kill(master, 'SIGKILL')
  for (const { port, workers, counts } of tables) {
    assert.equal(sum(counts), CONNECTIONS)
    for (const pid of workers) await until(() => !isAlive(pid), `${pid} has ended`)
    await until(() => socketsAt(port).listening.length === 0, 'no socket listens')
  }
})
