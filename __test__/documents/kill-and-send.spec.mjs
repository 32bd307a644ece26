// examples/kill-and-send: signals and messages to a child.

import assert from 'node:assert/strict'
import os from 'node:os'
import { wait } from '../../index.js'
import { assertStatus, exited, killed } from '../helpers/children.mjs'
import { example } from '../helpers/example.mjs'
import { hasProgram, isNode, needs, test } from '../helpers/harness.mjs'
import { descriptors, isAlive, stat, status } from '../helpers/proc.mjs'
import { until } from '../helpers/until.mjs'

const needed = needs('Node.js, and grep', isNode && hasProgram('grep'))

/** Starts the example and waits until it reads its input. Returns the pids of its children. */
async function started(t) {
  const program = example(t, 'kill-and-send')
  const [, grep] = await program.says(/grep (\d+) waits/)
  const [, worker] = program.output.stdout.match(/^worker (\d+) says/)
  return { program, worker: Number(worker), grep: Number(grep) }
}

/** Returns 1n if a process handles a signal, by its mask in /proc. */
const handles = (pid, signal) => (BigInt(`0x${status(pid, 'SigCgt')}`) >> BigInt(os.constants.signals[signal] - 1)) & 1n

async function ended(program) {
  program.child.stdin.end()
  const { code, stderr, stdout } = await program.ended()
  assert.equal(code, 0, stderr)
  return stdout
}

test('examples/kill-and-send: a child that handles SIGTERM stays and hears messages', needed, async (t) => {
  const { program, worker } = await started(t)
  assert.equal(handles(worker, 'SIGTERM'), 1n)
  assert.equal(handles(worker, 'SIGHUP'), 0n)
  const heard = new RegExp(`^worker ${worker} says { heard: 'SIGTERM', so: 'I go on' }$`, 'gm')
  assert.equal(program.all(heard).length, 1)
  assert.ok(isAlive(worker))
  assert.ok(program.output.stdout.includes(`worker ${worker} says { sum: 3 }`))

  // A SIGTERM of another process does not kill the child either.
  process.kill(worker, 'SIGTERM')
  await until(() => program.all(heard).length === 2, 'the child has heard the second signal')
  assert.ok(isAlive(worker))

  // The last message tells the child to exit.
  const end = wait(worker, { observe: true })
  assert.match(await ended(program), new RegExp(`^worker ${worker} exit code 3, signal null$`, 'm'))
  assertStatus(await end, exited(worker, 3))
})

test('examples/kill-and-send: prints no exit code for a grep killed by SIGHUP', needed, async (t) => {
  const { program, grep } = await started(t)
  assert.match(descriptors(grep)[0], /^pipe:/)
  await until(() => stat(grep).state === 'S', 'grep sleeps')
  assert.equal(handles(grep, 'SIGHUP'), 0n)

  const end = wait(grep, { observe: true })
  const stdout = await ended(program)
  assertStatus(await end, killed(grep, 'SIGHUP'))
  assert.match(stdout, new RegExp(`^grep ${grep} killed, exit code null, signal SIGHUP$`, 'm'))
  const [, other] = stdout.match(/^grep (\d+) exited, exit code 1, signal null$/m)
  assert.notEqual(Number(other), grep)
})
