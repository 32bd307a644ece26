'use strict'

// A child that outlives its parent, in its own session:
//
//   node examples/detached/main.js     ends at the end of its input (Ctrl-D)
//
// This program starts parent.js, which starts the child, and ends parent.js. It prints both processes before and after.
//
// The child leads its session and its process group (SID, PGID and PID are the same). So neither Ctrl-C nor the end of the
// terminal reaches the child. The child is not quite a daemon, for two reasons:
//
//   - A session leader that opens a terminal may get it as its controlling terminal.
//   - If the parent goes on, the child becomes a zombie at its end, until the parent waits for it.
//
// The daemons of daemonize() and spawnDaemon() lead no session, can gain no terminal, and are no children of their caller.

const path = require('node:path')
const { createInterface } = require('node:readline')
const { openProcess, spawn } = require('procnative')
const { endOfInput } = require('../shared/input.js')
const { ps, stat } = require('../shared/proc.js')

async function main() {
  const parent = spawn(process.execPath, [path.join(__dirname, 'parent.js')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const pid = await childOf(parent)
  const child = openProcess(pid)
  console.log('A parent, and its child:')
  console.log(ps([parent.pid, pid]))

  parent.stdio[0]?.end()
  await parent.wait()
  const { ppid = 0 } = stat(pid) ?? {}
  console.log('\nThe parent has ended. The child goes on, with another parent:')
  console.log(ps([ppid, pid]))
  await endOfInput('ends it')

  // kill() and wait() work for any process, not only for children.
  child.kill()
  await child.wait()
  console.log(`\n${pid} has ended`)
}

/** Returns the child's pid, which the parent prints. @param {import('procnative').Process} parent */
async function childOf({ stdio: [, stdout] }) {
  if (stdout) for await (const line of createInterface({ input: stdout })) return Number(line)
  throw new Error('parent.js ended without a child')
}

main()
