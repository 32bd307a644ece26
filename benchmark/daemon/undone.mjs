// What each start leaves undone: asked of a daemon that is up, and of a launcher whose daemon fails.

import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'

const COLUMNS = ['', 'is session leader', 'descriptors kept', 'exit code of a start that fails', 'execArgv kept']
// One of the first sixteen, which Node.js has closed when it runs another program, and one behind a gap, where it
// stops.
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

/** A `stdio` by which a child has a descriptor also at the DESCRIPTORS, not closed by exec. */
function inheriting(descriptor) {
  const stdio = Array(Math.max(...DESCRIPTORS) + 1).fill('ignore')
  for (const at of DESCRIPTORS) stdio[at] = descriptor
  return stdio
}

/** A leader comes to be controlled by a terminal that it opens. */
function isLeader(pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
  // After the name, which can be anything: state, ppid, pgrp, session.
  const session = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]
  return Number(session) === pid
}

/** The descriptors by which a process has a file open. */
function kept(pid, file) {
  const directory = `/proc/${pid}/fd`
  const numbers = fs.readdirSync(directory).filter((fd) => fs.readlinkSync(path.join(directory, fd)) === file)
  return numbers.toSorted((a, b) => a - b).join(', ') || 'none'
}
