'use strict'

// A child that goes on without its parent, in a session of its own:
//
//   node examples/detached/main.js     ends at the end of its input (Ctrl-D)
//
// This program looks on only. It has parent.js start the child, and end; and prints what the kernel says before and after.
//
// The child leads its session and its process group (SID, PGID and PID are the same), so that neither Ctrl-C nor the end of
// the terminal reaches it. It is not quite a daemon. The leader of a session that opens a terminal may come to be controlled
// by it; and for a parent that goes on it is a child, which becomes a zombie unless somebody waits for it. The daemons of
// daemonize() and spawnDaemon() lead no session, can gain no terminal, and are nobody's children from the first.

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
  console.log('\nThe parent has ended. The child goes on, and was given another one:')
  console.log(ps([ppid, pid]))
  await endOfInput('ends it')

  // Whose child it is, does not matter to a signal, nor to a wait.
  child.kill()
  await child.wait()
  console.log(`\n${pid} has ended`)
}

/** The pid that it prints. @param {import('procnative').Process} parent */
async function childOf({ stdio: [, stdout] }) {
  if (stdout) for await (const line of createInterface({ input: stdout })) return Number(line)
  throw new Error('it has no child')
}

main()
