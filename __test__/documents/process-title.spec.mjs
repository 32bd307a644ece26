// examples/process-title: the name of a process in /proc.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { example, examplePath } from '../helpers/example.mjs'
import { test } from '../helpers/harness.mjs'
import { exe, stat } from '../helpers/proc.mjs'
import { run } from '../helpers/run.mjs'

const comm = (pid) => fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd()
const words = (pid) => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)

async function ask(url) {
  const [response] = await once(http.get(url, { agent: false }), 'response')
  return text(response)
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`examples/process-title: names server and child in /proc, both end at ${signal}`, async (t) => {
    const { child, says, ended } = example(t, 'process-title')
    const [, url] = await says(/^(http:.*)$/m)
    assert.equal(await ask(url), `a server with a name, process.pid: ${child.pid}\n`)
    assert.equal(comm(child.pid), 'a server with a')
    assert.deepEqual(words(child.pid), ['a server with a name'])

    const named = Number((await says(/^argv0: process\.pid: (\d+)$/m))[1])
    assert.equal(stat(named).ppid, child.pid)
    assert.deepEqual(words(named), [
      'a child that was named by its parent',
      path.join(examplePath('process-title'), 'named.js'),
    ])
    for (const pid of [child.pid, named]) assert.equal(exe(pid), fs.realpathSync(process.execPath))

    child.kill(signal)
    const { code, stdout, stderr } = await ended()
    assert.equal(code, 0, stderr)
    assert.match(stdout, new RegExp(`^  /proc/${child.pid}/comm +a server with a$`, 'm'))
    assert.match(stdout, new RegExp(`^  /proc/${child.pid}/cmdline +a server with a name$`, 'm'))
    assert.equal(stat(named), null)
  })
}

test('process.title: is cut to the length of the command line', async (t) => {
  const { child, ended } = run(process.execPath, ['main.js'], { cwd: examplePath('process-title'), argv0: 'node' })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  assert.deepEqual(words(child.pid), ['a server with a name'.slice(0, 'node main.js'.length)])
  child.kill('SIGTERM')
  const { code, stderr } = await ended
  assert.equal(code, 0, stderr)
})
