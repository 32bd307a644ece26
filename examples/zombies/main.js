'use strict'

// What a zombie is, what it has, and how one gets rid of it:
//
//   node examples/zombies/main.js     goes on with each Enter, and to the end when its input ends, as by Ctrl-D
//
// A process that has ended stays in the kernel's table until its parent has asked how. That is all of it: it has no memory
// and no descriptors, and can't be killed, being dead. What helps is to ask, or that the parent ends: then the next one
// who adopts orphans has to ask, which is init, or a subreaper.

const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { reapOrphans, setChildSubreaper, spawn, wait, waitpid } = require('procnative')
const { enter } = require('../shared/input.js')
const { ps, stat } = require('../shared/proc.js')

/** @param {number} pid */
const memory = (pid) => fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmSize:.*$/m)?.[0] ?? 'no VmSize'

async function unwaited() {
  // child_process waits for its children by itself, so they are no zombies for longer than a moment. spawn() leaves the
  // waiting to whoever has called it.
  const child = spawn('sh', ['-c', 'exit 7'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const output = /** @type {import('node:net').Socket} */ (child.stdio[1])
  const end = once(output.resume(), 'end')
  // To observe is to hear of the end, and to leave the zombie as it is.
  await wait(child.pid, { observe: true })
  await end
  console.log(`zombie: ${child.pid}, of ${process.pid}, which does not wait`)
  console.log(ps([process.pid, child.pid]))
  console.log(`memory: ${memory(child.pid)}`)
  console.log('descriptors: none, since the pipe that it wrote to has ended')
  // To send a signal succeeds, as the pid is still its own. It has no effect.
  child.kill('SIGKILL')
  console.log(`SIGKILL: its state is ${stat(child.pid)?.state} all the same`)
  await enter()

  console.log(`waitpid(): exit code ${waitpid(child.pid)?.exitCode}, as before the SIGKILL`)
  console.log(`gone: ${stat(child.pid) === undefined}`)
}

async function orphaned() {
  // From here on we adopt the orphans among our descendants, as init does it for everybody else's.
  setChildSubreaper(true)

  // A parent that never waits. It ends when its input does, at the latest when we end.
  const parent = spawn(process.execPath, [path.join(__dirname, 'negligent.js')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const output = /** @type {import('node:net').Socket} */ (parent.stdio[1])
  const pid = Number(String(await once(output, 'data')))
  console.log(`zombie: ${pid}, of ${parent.pid}, which never waits`)
  console.log(ps([process.pid, parent.pid, pid]))
  await enter()

  // It is the parent that is at fault. When that ends, its zombie becomes ours.
  parent.kill('SIGKILL')
  await parent.wait()
  console.log(`orphaned: ${pid}, whose parent is ${stat(pid)?.ppid} now`)
  console.log(ps([process.pid, pid]))
  await enter()

  // And now we do what init does.
  const reaped = await new Promise((resolve) => {
    // The reaper keeps no process alive, and nothing else is left here to do so.
    const alive = setInterval(() => {}, 1000)
    const reaper = reapOrphans((status) => {
      clearInterval(alive)
      reaper.stop()
      resolve(status)
    })
  })
  console.log(`reapOrphans(): ${reaped.pid}, exit code ${reaped.exitCode}`)
  console.log(`gone: ${stat(pid) === undefined}`)
}

async function main() {
  await unwaited()
  await enter()
  await orphaned()
}
// Input that goes on would keep the process alive.
main().finally(() => process.stdin.destroy())
