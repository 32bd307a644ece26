// Tasks that each start leaves undone, found in a running daemon and by a launcher whose daemon fails.

import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'

const COLUMNS = ['', 'is session leader', 'descriptors kept', 'exit code of a start that fails', 'execArgv kept']
// One of the first sixteen, which Node.js makes close-on-exec at its start, and one behind a gap, where Node.js stops.
const DESCRIPTORS = [7, 200]
const OPTION = '--max-old-space-size=333'

export async function undone(start, directory, contenders) {
  const file = path.join(directory, 'file')
  const descriptor = fs.openSync(file, 'w')
  const taken = net.createServer().listen(0, '127.0.0.1')
  try {
    await once(taken, 'listening')
    const rows = []
    for (const contender of contenders) {
      const { found } = await start(contender, {
        execArgv: [OPTION],
        stdio: inheriting(descriptor),
        inspect: ({ pid, execArgv }) => ({
          leader: isLeader(pid),
          descriptors: kept(pid, file),
          option: execArgv.includes(OPTION),
        }),
      })
      const { exitCode } = await start(contender, { port: taken.address().port, fails: true })
      rows.push([contender.name, word(found.leader), found.descriptors, exitCode, word(found.option)])
    }
    return { title: 'What each leaves undone:', columns: COLUMNS, rows }
  } finally {
    taken.close()
    fs.closeSync(descriptor)
  }
}

const word = (isSo) => (isSo ? 'yes' : 'no')

/** Returns a `stdio` by which a child inherits a descriptor at each of DESCRIPTORS. */
function inheriting(descriptor) {
  const stdio = Array(Math.max(...DESCRIPTORS) + 1).fill('ignore')
  for (const at of DESCRIPTORS) stdio[at] = descriptor
  return stdio
}

/** Returns true if a process leads its session: then a terminal that it opens becomes its controlling terminal. */
function isLeader(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
  // After the name, which may contain anything: state, ppid, pgrp, session.
  const session = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]
  return Number(session) === pid
}

/** Returns the descriptors of a process that lead to a file. */
function kept(pid, file) {
  const directory = `/proc/${pid}/fd`
  const numbers = fs.readdirSync(directory).filter((fd) => fs.readlinkSync(path.join(directory, fd)) === file)
  return numbers.toSorted((a, b) => a - b).join(', ') || 'none'
}
