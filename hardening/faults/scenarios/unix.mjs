// Listening Unix sockets: at a path, in place of a dead socket, and at an abstract name.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { listenUnix } from '../../../index.js'

const LEAVES_DEAD_SOCKET =
  'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))'

export default async function unix({ directory, after }) {
  const file = path.join(directory, 'new')
  const fresh = listenUnix(file, { mode: 0o600 })
  after(() => fs.unlinkSync(file))
  after(() => fresh.close())

  const dead = path.join(directory, 'dead')
  spawnSync(process.execPath, ['-e', LEAVES_DEAD_SOCKET, dead])
  after(() => fs.rmSync(dead, { force: true }))
  const replaced = listenUnix(dead, { mode: 0o660, backlog: 16 })
  after(() => replaced.close())

  const abstract = listenUnix(`\0procnative-faults-${process.pid}`)
  after(() => abstract.close())
}
