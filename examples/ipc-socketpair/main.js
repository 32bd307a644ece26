'use strict'

// A channel between a parent and a child, made by hand:
//
//   node examples/ipc-socketpair/main.js     ends at the end of its input (Ctrl-D); needs python3, 3.9 or newer
//
// child_process.fork() makes two connected Unix sockets. The parent keeps one, and the child inherits the other. The variable
// NODE_CHANNEL_FD tells the child the number of its descriptor. This program does the same with a variable of its own.
//
// The child may be written in any language, because the format on the socket is documented (docs/wire-format.md): worker.py
// does the same as worker.js.
//
// A real program calls procnative's fork(), and parentChannel() in the child. Both do all of this.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { channel, socketpair, spawn } = require('procnative')
const { endOfInput } = require('../shared/input.js')

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-ipc-'))
const file = path.join(directory, 'letter')
fs.writeFileSync(file, 'Dear child,\n')

/** @param {string} runtime @param {string} script */
function start(runtime, script) {
  const [ours, theirs] = socketpair()
  const child = spawn(runtime, [path.join(__dirname, script)], {
    env: { ...process.env, CHANNEL_FD: '3' },
    stdio: ['ignore', 'inherit', 'inherit', theirs], // the child has it at 3
  })
  // The child has its end now. If the parent kept a copy, the channel would not end with the child.
  theirs.close()
  return { script, child, link: channel(ours) }
}

/** @param {import('procnative').Channel} link */
async function next(link) {
  for await (const { message } of link) return message
  throw new Error('the other end is closed')
}

async function main() {
  const workers = [start(process.execPath, 'worker.js'), start('python3', 'worker.py')]
  for (const { script, child, link } of workers) {
    // The socket works in both directions, and either side may send first.
    console.log(`${script} ${child.pid} says`, await next(link))
    const letter = fs.openSync(file, 'r')
    link.send({ read: 'this' }, letter)
    fs.closeSync(letter) // the child has its own descriptor
    console.log(`${script} ${child.pid} answers`, await next(link))
  }
  console.log(`the letter is inode ${fs.statSync(file).ino}`)

  await endOfInput('ends them')
  for (const { child, link } of workers) {
    link.close()
    await child.wait()
  }
  fs.rmSync(directory, { recursive: true })
}

main()
