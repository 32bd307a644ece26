'use strict'

// The output of a worker, without and with a pipe:
//
//   node examples/pipe/main.js     runs until its input ends (Ctrl-D on a terminal)
//
// A child has its own input and output. Its output is lost unless it is connected, for example by a pipe. A pipe may also
// connect two children: the last two workers are joined like `worker | worker` in a shell. Your input goes through both
// workers, and the parent does not see it.

const { once } = require('node:events')
const path = require('node:path')
const tty = require('node:tty')
const { spawn } = require('procnative')

/** @param {import('procnative').SpawnOptions['stdio']} stdio */
const start = (stdio) => spawn(process.execPath, [path.join(__dirname, 'worker.js')], { stdio })

/** Returns the parent's end of a child's output. @param {import('procnative').Process} child */
const outputOf = (child) => /** @type {import('node:net').Socket} */ (child.stdio[1])

async function main() {
  // Not connected: the output goes to /dev/null.
  const silent = start(['ignore', 'ignore', 'inherit'])
  console.log(`not connected: I am ${process.pid}, my worker is ${silent.pid}`)
  console.log(`it exited with ${(await silent.wait()).exitCode}, and its output is lost`)

  // Connected: the parent reads the output and prints it.
  const heard = start(['ignore', 'pipe', 'inherit'])
  console.log(`connected: I am ${process.pid}, my worker is ${heard.pid}`)
  outputOf(heard).pipe(process.stdout)
  await Promise.all([heard.wait(), once(outputOf(heard), 'end')])

  // Joined: the output of the first worker is the input of the second. All of this happens in one turn of the event loop,
  // because Node.js would begin to read the pipe in the next turn. The parent closes its end, so that the first worker gets
  // EPIPE if the second dies. With another reader, the first worker would not notice.
  const first = start(['inherit', 'pipe', 'inherit'])
  const second = start([outputOf(first), 'inherit', 'inherit'])
  outputOf(first).destroy()
  console.log(`joined: ${first.pid} | ${second.pid}`)
  if (tty.isatty(0)) console.log('type a line, or Ctrl-D')
  for (const worker of [first, second]) console.log(`${worker.pid} exited with ${(await worker.wait()).exitCode}`)
}
main()
