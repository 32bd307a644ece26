'use strict'

// What setsid(2) does. The process becomes the leader of a new session and of a new process group, and it has no controlling
// terminal any more. It does not work for a process that leads a group already, as every program does that was started
// from a shell; which is why daemons fork first.
//
//   node examples/setsid/main.js
//
// On a terminal it waits for Enter after each step, so that you can look from another one (ps -o pid,pgid,sid,tty,args).

const path = require('node:path')
const { getpgid, getsid, spawn } = require('procnative')
const { enter, lines } = require('../shared/input.js')
const { ps, stat } = require('../shared/proc.js')

/** @param {number} pid */
function show(pid) {
  console.log(ps([process.pid, pid]))
  console.log(`leads its session      ${getsid(pid) === pid ? 'yes' : 'no'}`)
  console.log(`leads its group        ${getpgid(pid) === pid ? 'yes' : 'no'}`)
  console.log(`controlling terminal   ${stat(pid)?.terminal}`)
}

/** Has a child call setsid(), and shows it before and after. @param {import('procnative').SpawnOptions} options */
async function demonstrate(options) {
  const file = path.join(__dirname, 'child.js')
  // Its terminal is that of its session: to have pipes for input and output changes nothing about it.
  const child = spawn(process.execPath, [file], { ...options, stdio: ['pipe', 'pipe', 'inherit'] })
  const [input, output] = /** @type {import('node:net').Socket[]} */ (child.stdio)
  const answer = lines(output)
  await answer()
  show(child.pid)
  await enter()
  input.write('now\n')
  console.log(`\n${await answer()}`)
  show(child.pid)
  await enter()
  input.end()
  await child.wait()
}

async function main() {
  console.log('A child, in the session and in the group of its parent:')
  await demonstrate({})
  console.log('\nA child that leads a group of its own:')
  await demonstrate({ processGroup: 0 })
  process.stdin.destroy()
}

main()
