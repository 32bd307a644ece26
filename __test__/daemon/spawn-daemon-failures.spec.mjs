// spawnDaemon(): failed starts, which leave nothing.
// runtimes: node, bun, deno

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { spawnDaemon } from '../../index.js'
import { end } from '../helpers/daemon.mjs'
import { temporary, test } from '../helpers/harness.mjs'
import { children, descriptors } from '../helpers/proc.mjs'
import { run } from '../helpers/run.mjs'
import { rejection } from '../helpers/spawned.mjs'

const pick = (from, ...names) => Object.fromEntries(names.map((name) => [name, from[name]]))

for (const [what, file, options, expected] of [
  ['no such program', '/no such program', {}, { code: 'ENOENT', syscall: 'execve', path: '/no such program' }],
  ['no program found', 'no-such-program', {}, { code: 'ENOENT', syscall: 'execve', path: 'no-such-program' }],
  ['chdir', 'sleep', { cwd: '/no such' }, { code: 'ENOENT', syscall: 'chdir', path: '/no such' }],
  [
    'opening a log',
    'sleep',
    { stdio: ['ignore', 'ignore', 'ignore', '/no such/log'] },
    { code: 'ENOENT', syscall: 'open', path: '/no such/log' },
  ],
  [
    'a closed descriptor',
    'sleep',
    { stdio: ['ignore', 'ignore', 'ignore', 999] },
    { code: 'EBADF', syscall: 'fcntl', path: undefined },
  ],
]) {
  for (const ready of ['exec', 'notify']) {
    test(`spawnDaemon(): rejects and leaves nothing, ready: '${ready}', ${what}`, { contract: 'D23' }, async (t) => {
      const directory = temporary(t)
      const [stdout, pidFile] = ['log', 'pid'].map((name) => path.join(directory, name))
      const stdio = ['ignore', stdout, ...(options.stdio?.slice(2) ?? [])]
      const before = children()
      const error = await rejection(spawnDaemon(file, ['1000'], { ...options, stdio, pidFile, ready }))
      assert.deepEqual(pick(error, 'code', 'syscall', 'path'), expected)
      assert.ok(error.errno < 0)
      assert.deepEqual(fs.readdirSync(directory), [])
      assert.deepEqual(children(), before)
    })
  }
}

test('spawnDaemon(): leaves a subreaper caller no zombie, failed exec', { contract: 'D23' }, async () => {
  const script = `
    const { setChildSubreaper, spawnDaemon } = require(${JSON.stringify(path.resolve(import.meta.dirname, '../../index.js'))})
    setChildSubreaper(true)
    const starts = Array.from({ length: 50 }, () => spawnDaemon('/no such program'))
    Promise.allSettled(starts).then((all) => {
      const { readFileSync } = require('node:fs')
      const rejected = all.filter(({ status }) => status === 'rejected').length
      console.log(rejected, readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim() === '')
    })`
  const { stdout, stderr } = await run(process.execPath, ['-e', script]).ended
  assert.equal(stdout, '50 true\n', stderr)
})

test('spawnDaemon(): leaves init or a subreaper no zombie, failed exec', { contract: 'D23' }, async () => {
  // The subreaper reaps only its own child, so that inherited zombies stay visible.
  const library = JSON.stringify(path.resolve(import.meta.dirname, '../../index.js'))
  const caller = `
    const { spawnDaemon } = require(${library})
    const starts = Array.from({ length: 50 }, () => spawnDaemon('/no such program'))
    Promise.allSettled(starts).then((all) => console.log(all.filter(({ status }) => status === 'rejected').length))`
  const script = `
    require(${library}).setChildSubreaper(true)
    const child = require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(caller)}])
    const children = require('node:fs').readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8')
    console.log(String(child.stdout).trim(), JSON.stringify(children))`
  const { stdout, stderr } = await run(process.execPath, ['-e', script]).ended
  assert.equal(stdout, '50 ""\n', stderr)
})

test('spawnDaemon(): many starts leave no zombie or descriptor, keep exit codes', { contract: 'D23' }, async (t) => {
  const before = { children: children(), open: Object.keys(descriptors()).length }
  const codes = []
  let failures = 0
  const pids = []
  t.after(() => Promise.all(pids.map((pid) => end(pid))))
  for (let round = 0; round < 20; round++) {
    const child = once(spawn('sh', ['-c', `exit ${round}`], { stdio: 'ignore' }), 'exit')
    const starts = Array.from({ length: 50 }, (_, index) =>
      index % 10 === 0 ? rejection(spawnDaemon('/no such program')) : spawnDaemon('sleep', ['0']),
    )
    const results = await Promise.all(starts)
    failures += results.filter(({ code }) => code === 'ENOENT').length
    pids.push(...results.map(({ pid }) => pid).filter(Boolean))
    codes.push((await child)[0])
  }
  assert.equal(failures, 100)
  assert.equal(new Set(pids).size >= 900 - 5, true)
  assert.deepEqual(
    codes,
    Array.from({ length: 20 }, (_, round) => round),
  )
  assert.deepEqual(children(), before.children)
  assert.equal(Object.keys(descriptors()).length, before.open)
})
