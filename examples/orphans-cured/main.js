'use strict'

// A daemon that dies leaves its children behind as orphans. init adopts them, and does not know their purpose. This program
// shows the problem and three cures. With two of them, a worker ends with its master. With the third, a manager above adopts
// the worker, waits for its end, and starts another worker.
//
//   node examples/orphans-cured/main.js
//
// On a terminal, the program waits for Enter after each step, so that you can look at the processes from another terminal.

const path = require('node:path')
const { openProcess, setChildSubreaper, spawn, wait } = require('procnative')
const { enter, lines } = require('../shared/input.js')
const { ps } = require('../shared/proc.js')

/**
 * Starts master.js or worker.js, and waits until the worker runs. The worker ends with `input` at the latest.
 *
 * @param {string} file @param {string[]} args
 */
async function start(file, ...args) {
  const child = spawn(process.execPath, [path.join(__dirname, file), ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [input, output] = /** @type {import('node:net').Socket[]} */ (child.stdio)
  // A pidfd refers to this worker even if another process gets the same pid later.
  const worker = openProcess(Number(await lines(output)()))
  return { child, worker, input }
}

/** Starts a master and its worker, and kills the master as a crash would. @param {string[]} cure */
async function crash(...cure) {
  const { child: master, worker, input } = await start('master.js', ...cure)
  console.log(ps([process.pid, master.pid, worker.pid]))
  await enter()
  master.kill('SIGKILL')
  await master.wait()
  console.log(`master ${master.pid} was killed`)
  return { worker, input }
}

async function orphan() {
  console.log('Without a cure, the worker goes on, with another parent:')
  const { worker, input } = await crash()
  console.log(ps([worker.pid]))
  await enter()
  input.end()
  await worker.wait()
}

/** @param {string} title @param {string} cure */
async function together(title, cure) {
  console.log(`\n${title}`)
  const { worker } = await crash(cure)
  await worker.wait()
  console.log(`worker ${worker.pid} has ended`)
  await enter()
}

async function manage() {
  console.log('\nsetChildSubreaper(true) in a manager above, here this process, which adopts the worker:')
  setChildSubreaper(true)
  const { worker } = await crash()
  console.log(ps([process.pid, worker.pid]))
  await enter()

  worker.kill('SIGKILL')
  // The worker is a child of this process now, so wait() returns its status. reapOrphans() reports unknown orphans.
  const { pid, signal } = await wait(worker.pid)
  console.log(`orphan ${pid} has ended, by ${signal}; I start another worker:`)
  const { child, input } = await start('worker.js')
  console.log(ps([process.pid, child.pid]))
  await enter()
  input.end()
  await child.wait()
}

async function main() {
  await orphan()
  await together("setParentDeathSignal('SIGTERM') in the worker, so that it ends with its master:", 'asks')
  await together("spawn(…, { parentDeathSignal: 'SIGTERM' }) in the master, with the same effect:", 'master')
  await manage()
  process.stdin.destroy()
}

main()
