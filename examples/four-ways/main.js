'use strict'

// The four ways to start a child that child_process has, and what stands in the place of each:
//
//   child_process.spawn(file, args)     spawn(file, args)
//   child_process.exec(command)         spawn('sh', ['-c', command])
//   child_process.execFile(file, args)  spawn(file, args), and its output is collected
//   child_process.fork(script)          fork(script)
//
//   node examples/four-ways/main.js
//
// Each says how its child has ended: by an exit code, or by a signal, which is something else than any code. And it shows
// the three ways to connect a child's output: piped to ours, shared with us, and by events.

const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { fork, spawn } = require('procnative')

/** A child's output, where it is a pipe. @param {import('procnative').Process} child */
const outputOf = (child) => /** @type {import('node:net').Socket} */ (child.stdio[1])

/** @param {{ exitCode: number | null, signal: string | null }} status */
const told = ({ exitCode, signal }) => (signal === null ? `exited with ${exitCode}` : `was killed by ${signal}`)

/**
 * How it ended, once its output has been read too: that may still be in the pipe when the child is gone.
 *
 * @param {import('procnative').Process} child
 */
async function ended(child) {
  const [status] = await Promise.all([child.wait(), child.stdio[1] && once(child.stdio[1], 'end')])
  return told(status)
}

// spawn: output as it comes, however much that is. Here it goes on to our own. The child works in a directory of its own.
async function bySpawn() {
  const child = spawn('ls', ['-l'], { cwd: '/usr', stdio: ['ignore', 'pipe', 'inherit'] })
  console.log(`spawn: I am ${process.pid}, my child is ${child.pid}`)
  outputOf(child).pipe(process.stdout)
  console.log(`spawn: it ${await ended(child)}`)
}

// exec: a shell, for what only a shell can do, such as a pipeline. What comes from outside is never made part of the script,
// which would run whatever it says: it is an argument, as the program's path is here. The status is the shell's own.
async function byShell() {
  const script = '"$1" --version | tr v V; exit 3'
  const child = spawn('sh', ['-c', script, 'sh', process.execPath], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  outputOf(child)
    .setEncoding('utf8')
    .on('data', (text) => {
      output += text
    })
  // exec() stops, and kills its child, at maxBuffer. Here it is the listener above that decides how much is too much.
  const end = await ended(child)
  console.log(`shell: it ${end}, and said ${JSON.stringify(output)}`)
}

// execFile: no shell, so that a word is a word, whatever is in it. The output is ours: nobody has to pass it on.
async function byFile() {
  const script = 'console.log(process.version, process.argv[1])'
  const child = spawn(process.execPath, ['-e', script, '$HOME; *'], { stdio: ['ignore', 'inherit', 'inherit'] })
  console.log(`file: it ${await ended(child)}`)
}

// fork: a process of Node.js, with a channel for messages.
async function byFork() {
  const worker = fork(path.join(__dirname, 'worker.js'))
  const exit = once(worker, 'exit')
  await worker.handles.send('who are you?')
  const [answer] = await once(worker.handles, 'message')
  console.log(`fork: ${answer}`)
  worker.kill()
  const [exitCode, signal] = await exit
  console.log(`fork: it ${told({ exitCode, signal })}`)
}

// Three children that say where their output goes. A pipe has two ends: what is said there, is said to us, and we do with it
// what we like. Shared output is the very same as ours.
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
