// Signals that end a process: what examples/signals prints, beside what the kernel and child_process say.

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
  const what = canBe ? 'who handles it exits as it likes' : 'nobody can handle it'

  test(`002: signals: \`kill -${number} PID\` kills, by ${signal}, who does nothing about it; ${what}`, async (t) => {
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

/** A child of child_process's, ended by `kill -NUMBER`: whether the kernel knows of a handler, and what is said of its end. */
async function ending(t, number, command) {
  const child = spawnChild('sh', ['-c', 'ulimit -c 0; exec "$@"', 'sh', ...command])
  const closed = once(child, 'close')
  t.after(() => {
    child.kill('SIGKILL')
    return closed
  })
  // cat is there when it says it again.
  child.stdin.write('\n')
  const [said] = await once(child.stdout.setEncoding('utf8'), 'data')
  const caught = (BigInt(`0x${status(child.pid, 'SigCgt')}`) >> BigInt(number - 1)) & 1n
  execFileSync('sh', ['-c', `kill -${number} ${child.pid}`])
  const [code, signal] = await closed
  return { said: said.trim(), caught: caught === 1n, code, signal }
}

test('002: signals: the example has a table of that: signal, number, and how wait() tells either end', async (t) => {
  const { stdout, finish } = await shown(t)
  await finish()
  for (const [signal, number] of Object.entries(NUMBERS)) {
    const prepared =
      signal === 'SIGKILL'
        ? `can't handle it \\(EINVAL\\) +killed +- +${signal}`
        : `handles it +exited +${128 + number} +-`
    // With a program for cores, limits don't hold.
    const first = `^${signal} +${number} .+ does nothing about it +killed +- +${signal} +(no|yes)$`
    assert.match(stdout, new RegExp(`${first}\\n^ +${prepared} +no$`, 'm'))
  }
})

for (const [key, typed, signal] of [
  ['Ctrl-C', '\x03', 'SIGINT'],
  ['Ctrl-\\', '\x1c', 'SIGQUIT'],
  ['a hang-up', null, 'SIGHUP'],
]) {
  test(`002: signals: on a real terminal, ${key} is ${signal}`, needs('python3', hasProgram('python3')), async (t) => {
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
  '002: signals: who dies of SIGQUIT, or of SIGSEGV, leaves a core: of that signal, in its working directory',
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
  '002: signals: with a limit of 0 there is no core, and coreDumped is false',
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

/** The example, at the point where its cores are there to look at. */
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

/** What a core says: what it is, and which signal it is of. */
function core(file) {
  const elf = fs.readFileSync(file)
  const header = Number(elf.readBigUInt64LE(32))
  assert.equal(elf.readUInt32LE(header), PT_NOTE)
  const note = Number(elf.readBigUInt64LE(header + 8))
  assert.equal(elf.readUInt32LE(note + 8), NT_PRSTATUS)
  // After the note's own head, its name ('CORE'), and three numbers: pr_cursig.
  return {
    magic: elf.toString('latin1', 0, 4),
    type: elf.readUInt16LE(16),
    signal: elf.readUInt16LE(note + 12 + 8 + 12),
  }
}
