// examples/four-ways: four ways to start a child, and three ways to connect its output.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { example } from '../helpers/example.mjs'
import { temporary, test } from '../helpers/harness.mjs'

/** Runs the example with a file as its output, because a file differs from every pipe. Returns the output. */
async function printed(t) {
  const file = path.join(fs.realpathSync(temporary(t)), 'output')
  const { child, ended } = example(t, 'four-ways', [], { prefix: ['sh', '-c', 'exec "$@" >"$0"', file] })
  child.stdin.end()
  const { code, stderr } = await ended()
  assert.equal(code, 0, stderr)
  assert.equal(stderr, '')
  return { pid: child.pid, file, output: fs.readFileSync(file, 'utf8') }
}

test('examples/four-ways: prints how each child of the four calls ended', async (t) => {
  const { pid, output } = await printed(t)

  const [, list] = output.match(/^spawn: I am \d+, my child is \d+\n(.*)^spawn: it exited with 0$/ms)
  assert.match(output, new RegExp(`^spawn: I am ${pid}, my child is \\d+$`, 'm'))
  // ls prints the target of a link after its name.
  const listed = list.split('\n').map((line) => line.replace(/ -> .*/, ''))
  for (const name of fs.readdirSync('/usr').filter((name) => !name.startsWith('.'))) {
    assert.ok(
      listed.some((line) => line.endsWith(` ${name}`)),
      `${name} is not in ${list}`,
    )
  }

  const version = process.version.toUpperCase()
  assert.ok(output.includes(`\nshell: it exited with 3, and said ${JSON.stringify(`${version}\n`)}\n`))
  assert.ok(output.includes(`\n${process.version} $HOME; *\nfile: it exited with 0\n`))

  const [, worker, parent] = output.match(/^fork: I am worker, PID: (\d+), my parent is (\d+)$/m).map(Number)
  assert.equal(parent, pid)
  assert.notEqual(worker, pid)
  assert.match(output, /^fork: it was killed by SIGTERM$/m)
})

test('examples/four-ways: only shared output goes to the file of the parent', async (t) => {
  const { file, output } = await printed(t)
  const ways = Object.fromEntries([...output.matchAll(/^(.*): my output is (.*)$/gm)].map(([, ...pair]) => pair))
  assert.deepEqual(Object.keys(ways), ['piped', 'shared', 'by events'])
  assert.equal(ways.shared, file)
  assert.match(ways.piped, /^pipe:\[\d+\]$/)
  assert.match(ways['by events'], /^pipe:\[\d+\]$/)
})
