'use strict'

// What a worker prints, and who hears it:
//
//   node examples/pipe/main.js     stays until its input ends, which on a terminal is Ctrl-D
//
// A child has an input and an output of its own, so what it prints is not seen unless that was connected to something: a
// pipe, the simplest way from one process to another. A pipe need not lead to the parent: the last two workers are joined
// as by `worker | worker` in a shell. What is typed here goes through both, and the parent sees nothing of it.

const { once } = require('node:events')
const path = require('node:path')
const tty = require('node:tty')
const { spawn } = require('procnative')

/** @param {import('procnative').SpawnOptions['stdio']} stdio */
const start = (stdio) => spawn(process.execPath, [path.join(__dirname, 'worker.js')], { stdio })

/** The other end of a child's output. @param {import('procnative').Process} child */
const outputOf = (child) => /** @type {import('node:net').Socket} */ (child.stdio[1])

async function main() {
  // Not connected: /dev/null takes it all.
  const silent = start(['ignore', 'ignore', 'inherit'])
  console.log(`not connected: I am ${process.pid}, my worker is ${silent.pid}`)
  console.log(`it exited with ${(await silent.wait()).exitCode}, and nobody has heard it`)

  // Connected: what it says comes to us, and we say it on.
  const heard = start(['ignore', 'pipe', 'inherit'])
  console.log(`connected: I am ${process.pid}, my worker is ${heard.pid}`)
  outputOf(heard).pipe(process.stdout)
  await Promise.all([heard.wait(), once(outputOf(heard), 'end')])

  // Joined: the one's output becomes the other's input. All of this is done in one turn of the event loop, as Node.js would
  // begin to read from our end in the next one. Then that end is closed here: if the second worker died, the first would
  // not hear of it (EPIPE) as long as somebody else could read what it writes.
  const first = start(['inherit', 'pipe', 'inherit'])
  const second = start([outputOf(first), 'inherit', 'inherit'])
  outputOf(first).destroy()
  console.log(`joined: ${first.pid} | ${second.pid}`)
  if (tty.isatty(0)) console.log('type a line, or Ctrl-D')
  for (const worker of [first, second]) console.log(`${worker.pid} exited with ${(await worker.wait()).exitCode}`)
}
main()
