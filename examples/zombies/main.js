'use strict'

// Zombies, their resources, and two ways to remove them:
//
//   node examples/zombies/main.js     goes on at each Enter, and to the end at the end of its input (Ctrl-D)
//
// A zombie is a dead process whose parent has not waited for it yet. It is only an entry in the kernel's table, without memory
// and descriptors. No signal removes it. The entry goes when the parent waits. If the parent ends, init or a subreaper adopts
// the zombie and waits for it.

const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { reapOrphans, setChildSubreaper, spawn, wait, waitpid } = require('procnative')
const { enter } = require('../shared/input.js')
const { ps, stat } = require('../shared/proc.js')

/** @param {number} pid */
const memory = (pid) => fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmSize:.*$/m)?.[0] ?? 'no VmSize'

async function unwaited() {
  // child_process waits for its children itself, so they are zombies only for a moment. spawn() leaves the wait to its
  // caller.
  const child = spawn('sh', ['-c', 'exit 7'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const output = /** @type {import('node:net').Socket} */ (child.stdio[1])
  const end = once(output.resume(), 'end')
  // `observe` waits for the end, but leaves the zombie.
  await wait(child.pid, { observe: true })
  await end
  console.log(`zombie: ${child.pid}; its parent ${process.pid} does not wait`)
  console.log(ps([process.pid, child.pid]))
  console.log(`memory: ${memory(child.pid)}`)
  console.log('descriptors: none, because its end of the pipe is closed')
  // kill() succeeds, because the zombie still has its pid. The signal has no effect.
  child.kill('SIGKILL')
  console.log(`SIGKILL: its state is ${stat(child.pid)?.state} all the same`)
  await enter()

  console.log(`waitpid(): exit code ${waitpid(child.pid)?.exitCode}, as before the SIGKILL`)
  console.log(`gone: ${stat(child.pid) === undefined}`)
}

async function orphaned() {
  // From here on, this process adopts the orphans among its descendants, as init adopts all other orphans.
  setChildSubreaper(true)

  // A parent that never waits. It ends with its input, so it can't outlive this process.
  const parent = spawn(process.execPath, [path.join(__dirname, 'negligent.js')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const output = /** @type {import('node:net').Socket} */ (parent.stdio[1])
  const pid = Number(String(await once(output, 'data')))
  console.log(`zombie: ${pid}; its parent ${parent.pid} never waits`)
  console.log(ps([process.pid, parent.pid, pid]))
  await enter()

  // When the parent ends, this process adopts its zombie.
  parent.kill('SIGKILL')
  await parent.wait()
  console.log(`orphaned: ${pid}; its parent is ${stat(pid)?.ppid} now`)
  console.log(ps([process.pid, pid]))
  await enter()

  // Waits for all orphans, as init does.
  const reaped = await new Promise((resolve) => {
    // The reaper does not keep the event loop alive, so a timer does.
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
// An open input would keep the process alive.
main().finally(() => process.stdin.destroy())
