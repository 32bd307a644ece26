'use strict'

// How a parent and a child come to talk to each other, done by hand:
//
//   node examples/ipc-socketpair/main.js     ends at the end of its input (Ctrl-D); needs python3, 3.9 or newer
//
// child_process.fork() makes two Unix sockets that are connected to each other. It keeps one, the child inherits the other,
// and a variable, NODE_CHANNEL_FD, tells the child which of its descriptors that is. There is no more to it: here is the same
// with a variable of our own. The child need not be Node.js, either, since what goes over the socket is no secret
// (docs/wire-format.md): worker.py does what worker.js does.
//
// In earnest one calls procnative's fork() here, and parentChannel() in the child, which are all this.

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
    stdio: ['ignore', 'inherit', 'inherit', theirs], // so it is at 3
  })
  // The child has it now. As long as we had it, too, the end of the child would not be the end of the channel.
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
    // The socket goes both ways, and either may begin.
    console.log(`${script} ${child.pid} says`, await next(link))
    const letter = fs.openSync(file, 'r')
    link.send({ read: 'this' }, letter)
    fs.closeSync(letter) // what was sent is the child's, too
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
