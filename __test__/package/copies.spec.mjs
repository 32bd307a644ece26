// Copies of the package's JavaScript in one process: contexts of their own, and packages installed twice.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { isNode, needs, temporary, test } from '../helpers/harness.mjs'
import { reports } from '../helpers/report.mjs'
import { fixture, root, runScript } from '../helpers/run.mjs'

const NODE = needs('Node.js', isNode)

/** Plays one scene of fixtures/load-copies.cjs; returns its report. */
async function play(scene) {
  const ended = await runScript(fixture('package/load-copies.cjs'), [scene], { execArgv: ['--expose-gc'] })
  assert.equal(ended.code, 0, ended.stderr)
  const [told, ...more] = reports(ended.stdout)
  assert.deepEqual(more, [])
  return told
}

test('copies: a context that has used everything is collected', NODE, async () => {
  assert.deepEqual(await play('collected'), { sets: 1 })
})

test('copies: a channel goes on after a later copy was collected', NODE, async () => {
  assert.deepEqual(await play('dispatch'), { messages: ['before', 'after'] })
})

test('copies: unref() in one leaves the channel of another alive', NODE, async () => {
  assert.deepEqual(await play('unref'), { message: 'later' })
})

test('copies: a child is reaped after its copy was collected', NODE, async () => {
  assert.deepEqual(await play('orphaned'), { reaped: true })
})

test("copies: each knows child_process's children, earlier and later ones", NODE, async () => {
  const code = 'ERR_PROCNATIVE_CHILD_OWNED'
  assert.deepEqual(await play('children'), { codes: [code, code], signal: 'SIGKILL' })
})

test('copies: process.exit() sends what waits for the end of the turn', NODE, async () => {
  assert.deepEqual(await play('exit'), { received: ['first', 'second'] })
})

test("copies: errors, arrays and objects are of the copy's own context", NODE, async () => {
  assert.deepEqual(await play('errors'), {
    errors: [
      [true, 'ESRCH', 'getsid', -3],
      [true, 'ENOENT', 'connect', -2],
      [true, 'ENOENT', 'execve', -2],
    ],
    stack: true,
    array: true,
    object: true,
  })
})

test('copies: errors and promises of another context are recognized', NODE, async () => {
  assert.deepEqual(await play('values'), { told: ['from the program', 'ERR_INVALID_RETURN_VALUE', 'refused'] })
})

/** Installs another copy of the package; returns its path. */
function installed(context) {
  const copy = path.join(temporary(context), 'procnative')
  const { files } = JSON.parse(fs.readFileSync(`${root}package.json`))
  for (const name of ['package.json', ...files]) {
    if (fs.existsSync(`${root}${name}`)) fs.cpSync(`${root}${name}`, path.join(copy, name), { recursive: true })
  }
  for (const name of fs.readdirSync(root))
    if (name.endsWith('.node')) fs.cpSync(`${root}${name}`, path.join(copy, name))
  return copy
}

for (const [title, order] of [
  ['parentChannel(): two installed packages return the same object', [1, 0]],
  ['parentChannel(): the copy loaded first may call first', [0, 1]],
]) {
  test(title, NODE, async (t) => {
    const packages = [root, installed(t)]
    const script = path.join(temporary(t), 'child.cjs')
    fs.writeFileSync(
      script,
      `const packages = ${JSON.stringify(packages)}.map(require)
      const [one, other] = ${JSON.stringify(order)}.map((index) => packages[index].parentChannel())
      one.on('message', (message) => one.send([message, one === other]).then(() => one.close()))`,
    )
    const { fork } = await import('procnative')
    const child = fork(script)
    const [message] = await new Promise((resolve) => {
      child.handles.once('message', (...told) => resolve(told))
      child.handles.send('hello')
    })
    assert.deepEqual(message, ['hello', true])
    const [code] = await once(child, 'exit')
    assert.equal(code, 0)
  })
}
