// examples/signals: its output about signals that end a process, compared with the kernel and child_process.

import assert from 'node:assert/strict'
import { execFileSync, spawn as spawnChild } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { exited, started, told } from '../helpers/children.mjs'
import { example, examplePath } from '../helpers/example.mjs'
import { hasProgram, needs, temporary, test } from '../helpers/harness.mjs'
import { status } from '../helpers/proc.mjs'
import { pty } from '../helpers/pty.mjs'

const NUMBERS = { SIGTERM: 15, SIGKILL: 9, SIGINT: 2, SIGQUIT: 3, SIGHUP: 1, SIGSEGV: 11 }
const HANDLER = examplePath('signals/child.js')

// ── The table ──

for (const [signal, number] of Object.entries(NUMBERS)) {
  const canBe = signal !== 'SIGKILL'
  const condition = canBe ? 'unless handled' : 'handler refused'

  test(`examples/signals: kill -${number} kills by ${signal}, ${condition}`, async (t) => {
    const kill = { code: null, signal }
    assert.deepEqual(await ending(t, number, ['cat']), { said: '', caught: false, ...kill })
    assert.deepEqual(
      await ending(t, number, [process.execPath, HANDLER, signal]),
      canBe
        ? { said: 'handles it', caught: true, code: 128 + number, signal: null }
        : { said: "can't handle it (EINVAL)", caught: false, ...kill },
    )
  })
}

/** Starts a child by child_process and ends it by `kill -NUMBER`. Returns whether the kernel knew a handler, and its end. */
async function ending(t, number, command) {
  const child = spawnChild('sh', ['-c', 'ulimit -c 0; exec "$@"', 'sh', ...command])
  const closed = once(child, 'close')
  t.after(() => {
    child.kill('SIGKILL')
    return closed
  })
  // cat repeats the line as soon as it runs.
  child.stdin.write('\n')
  const [said] = await once(child.stdout.setEncoding('utf8'), 'data')
  const caught = (BigInt(`0x${status(child.pid, 'SigCgt')}`) >> BigInt(number - 1)) & 1n
  execFileSync('sh', ['-c', `kill -${number} ${child.pid}`])
  const [code, signal] = await closed
  return { said: said.trim(), caught: caught === 1n, code, signal }
}

test('examples/signals: prints signal, number and both ends in a table', async (t) => {
  const { stdout, finish } = await shown(t)
  await finish()
  for (const [signal, number] of Object.entries(NUMBERS)) {
    const prepared =
      signal === 'SIGKILL'
        ? `can't handle it \\(EINVAL\\) +killed +- +${signal}`
        : `handles it +exited +${128 + number} +-`
    // A core_pattern with a program ignores the limit for cores.
    const first = `^${signal} +${number} .+ does nothing about it +killed +- +${signal} +(no|yes)$`
    assert.match(stdout, new RegExp(`${first}\\n^ +${prepared} +no$`, 'm'))
  }
})

for (const [key, typed, signal] of [
  ['Ctrl-C', '\x03', 'SIGINT'],
  ['Ctrl-\\', '\x1c', 'SIGQUIT'],
  ['a hang-up', null, 'SIGHUP'],
]) {
  test(`examples/signals: ${key} on a terminal sends ${signal}`, needs('python3', hasProgram('python3')), async (t) => {
    const { fd, type, hangUp } = await pty(t)
    const options = { stdio: ['pipe', 'pipe', 'inherit'], controllingTerminal: fd }
    const child = started(t, process.execPath, [HANDLER, signal], options)
    const [stdin, stdout] = child.stdio
    t.after(() => [stdin, stdout].map((stream) => stream.destroy()))
    await once(stdout, 'data')
    typed ? type(typed) : hangUp()
    assert.deepEqual(told(await child.wait()), exited(child.pid, 128 + NUMBERS[signal]))
  })
}

// ── The core ──

const pattern = fs.readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim()
const toFile = pattern !== '' && !/^[|@]/.test(pattern)
const toDirectory = toFile && !pattern.includes('/')
const unlimited = execFileSync('sh', ['-c', 'ulimit -Hc'], { encoding: 'utf8' }).trim() === 'unlimited'

test(
  'examples/signals: SIGQUIT and SIGSEGV leave a core in the directory',
  needs('a core_pattern that is a name, and no limit to cores', toDirectory && unlimited),
  async (t) => {
    const { stdout, finish } = await shown(t)
    for (const signal of ['SIGQUIT', 'SIGSEGV']) {
      const [, file] = stdout.match(new RegExp(`^${signal} core allowed +coreDumped: true +(/.+)$`, 'm'))
      assert.deepEqual(core(file), { magic: '\x7fELF', type: ET_CORE, signal: NUMBERS[signal] })
    }
    assert.match(stdout, /^SIGTERM core allowed +coreDumped: false no file here$/m)
    await finish()
  },
)

test(
  'examples/signals: coreDumped is false and no core exists, limit 0',
  needs('a core_pattern that is a file', toFile),
  async (t) => {
    const { stdout, directory, finish } = await shown(t)
    for (const signal of ['SIGTERM', 'SIGQUIT', 'SIGSEGV']) {
      assert.match(stdout, new RegExp(`^${signal} core not allowed coreDumped: false no file here$`, 'm'))
    }
    assert.equal(fs.readdirSync(directory, { recursive: true }).length, 6 + (toDirectory && unlimited ? 2 : 0))
    await finish()
  },
)

/** Starts the example and waits until its cores exist. `finish()` ends it and checks that it removes them. */
async function shown(t) {
  const TMPDIR = temporary(t)
  const one = example(t, 'signals', [], { env: { ...process.env, TMPDIR } })
  await one.says(/^SIGSEGV core allowed .+\n/m)
  const [directory] = fs.readdirSync(TMPDIR).map((name) => path.join(TMPDIR, name))
  const finish = async () => {
    one.child.stdin.end()
    const { code, stderr } = await one.ended()
    assert.deepEqual({ code, stderr, left: fs.readdirSync(TMPDIR) }, { code: 0, stderr: '', left: [] })
  }
  return { stdout: one.output.stdout, directory, finish }
}

// elf(5), linux/elfcore.h
const [ET_CORE, PT_NOTE, NT_PRSTATUS] = [4, 4, 1]

/** Reads a core file: its type, and the signal that made it. */
function core(file) {
  const elf = fs.readFileSync(file)
  const header = Number(elf.readBigUInt64LE(32))
  assert.equal(elf.readUInt32LE(header), PT_NOTE)
  const note = Number(elf.readBigUInt64LE(header + 8))
  assert.equal(elf.readUInt32LE(note + 8), NT_PRSTATUS)
  // pr_cursig comes after the head of the note, its name ('CORE'), and three numbers.
  return {
    magic: elf.toString('latin1', 0, 4),
    type: elf.readUInt16LE(16),
    signal: elf.readUInt16LE(note + 12 + 8 + 12),
  }
}
