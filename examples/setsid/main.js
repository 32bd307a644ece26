'use strict'

// The effect of setsid(2): the process becomes the leader of a new session and of a new process group, and has no controlling
// terminal. setsid(2) fails for the leader of a group. An interactive shell makes a program such a leader, so daemons fork
// first.
//
//   node examples/setsid/main.js
//
// On a terminal, the program waits for Enter after each step. Meanwhile, look at the processes from another terminal
// (ps -o pid,pgid,sid,tty,args).

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

/** Makes a child call setsid(), and shows it before and after. @param {import('procnative').SpawnOptions} options */
async function demonstrate(options) {
  const file = path.join(__dirname, 'child.js')
  // The child has the terminal of its session, even with pipes for input and output.
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
