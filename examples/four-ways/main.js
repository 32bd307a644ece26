'use strict'

// The four ways of child_process to start a child, and the replacement of each:
//
//   child_process.spawn(file, args)     spawn(file, args)
//   child_process.exec(command)         spawn('sh', ['-c', command])
//   child_process.execFile(file, args)  spawn(file, args), and collect its output
//   child_process.fork(script)          fork(script)
//
//   node examples/four-ways/main.js
//
// Prints how each child ended: with an exit code, or by a signal, which has no exit code. Also shows the three ways to connect
// a child's output: piped to the parent's output, shared with the parent, and by events.

const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { fork, spawn } = require('procnative')

/** Returns the output of a child that has a pipe there. @param {import('procnative').Process} child */
const outputOf = (child) => /** @type {import('node:net').Socket} */ (child.stdio[1])

/** @param {{ exitCode: number | null, signal: string | null }} status */
const told = ({ exitCode, signal }) => (signal === null ? `exited with ${exitCode}` : `was killed by ${signal}`)

/**
 * Waits for the end of a child and of its output, which may still be in the pipe when the child has ended. Returns how the
 * child ended.
 *
 * @param {import('procnative').Process} child
 */
async function ended(child) {
  const [status] = await Promise.all([child.wait(), child.stdio[1] && once(child.stdio[1], 'end')])
  return told(status)
}

// spawn: streams any amount of output, here to the output of this process. The child has its own working directory.
async function bySpawn() {
  const child = spawn('ls', ['-l'], { cwd: '/usr', stdio: ['ignore', 'pipe', 'inherit'] })
  console.log(`spawn: I am ${process.pid}, my child is ${child.pid}`)
  outputOf(child).pipe(process.stdout)
  console.log(`spawn: it ${await ended(child)}`)
}

// exec: a shell, for a task that needs a shell, such as a pipeline. Never put foreign text into the script, because the shell
// would run it. Pass the text as an argument, like the program's path here. The status is the status of the shell.
async function byShell() {
  const script = '"$1" --version | tr v V; exit 3'
  const child = spawn('sh', ['-c', script, 'sh', process.execPath], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  outputOf(child)
    .setEncoding('utf8')
    .on('data', (text) => {
      output += text
    })
  // exec() kills its child at maxBuffer. Here only the listener above could limit the output.
  const end = await ended(child)
  console.log(`shell: it ${end}, and said ${JSON.stringify(output)}`)
}

// execFile: no shell, so that each argument stays one word, with any characters. The child shares the output of this process.
async function byFile() {
  const script = 'console.log(process.version, process.argv[1])'
  const child = spawn(process.execPath, ['-e', script, '$HOME; *'], { stdio: ['ignore', 'inherit', 'inherit'] })
  console.log(`file: it ${await ended(child)}`)
}

// fork: a process of Node.js, with a channel for messages.
async function byFork() {
  const worker = fork(path.join(__dirname, 'worker.js'))
  const exit = once(worker, 'exit')
  await worker.handles.send('tell your pid')
  const [answer] = await once(worker.handles, 'message')
  console.log(`fork: ${answer}`)
  worker.kill()
  const [exitCode, signal] = await exit
  console.log(`fork: it ${told({ exitCode, signal })}`)
}

// Three children that print where their output goes. With a pipe, this process reads the output and can process it. A shared
// output is the same open file as the output of this process.
async function connections() {
  console.log(`my own output is ${fs.readlinkSync('/proc/self/fd/1')}`)
  /** @param {string} way @param {'pipe' | 'inherit'} output */
  const start = (way, output) =>
    spawn('sh', ['-c', `echo "${way}: my output is $(readlink /proc/$$/fd/1)"`], {
      stdio: ['ignore', output, 'inherit'],
    })

  const piped = start('piped', 'pipe')
  outputOf(piped).pipe(process.stdout)
  await ended(piped)

  await ended(start('shared', 'inherit'))

  const heard = start('by events', 'pipe')
  outputOf(heard).on('data', (data) => process.stdout.write(data))
  await ended(heard)
}

async function main() {
  await bySpawn()
  await byShell()
  await byFile()
  await byFork()
  await connections()
}
main()
