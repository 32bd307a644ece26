// The examples in index.d.ts run.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from '../helpers/harness.mjs'
import { root } from '../helpers/run.mjs'
import { blocksOf, neededBy, runBlock } from './helpers/pages.mjs'

const FENCE = '```'
const COMMENT = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\nexport (?:function|class) (\w+)/g
const EXAMPLE = /@example\n \* (```js\n[\s\S]*?\n) \* ```/

const run = (name) => `node ${name}.mjs >/dev/null`

// Runs a server until its socket exists. SIGTERM kills a server that has no listener for this signal yet: 128 + 15.
const runServer = (name) =>
  `node ${name}.mjs & until [ -S /run/app.sock ]; do sleep 0.05; done; { kill $!; wait $!; } 2>/dev/null || [ $? = 143 ]`

const COMMANDS = {
  daemonize: `${run('daemonize')} && kill $(cat /run/app.pid)`,
  listenChannel: runServer('listenChannel'),
  listenUnix: runServer('listenUnix'),
}

function* examples() {
  for (const [comment, name] of fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8').matchAll(COMMENT)) {
    const [, example] = comment.match(EXAMPLE) ?? []
    if (example !== undefined) yield { name, text: example.replaceAll(/^ \* ?/gm, '') }
  }
}

const page = Array.from(
  examples(),
  ({ name, text }) => `<!-- test: ${name}.mjs\n$ ${COMMANDS[name] ?? run(name)}\n-->\n${text}${FENCE}\n`,
).join('\n')

const blocks = blocksOf('index.d.ts', page)

test('index.d.ts: 15 functions have an example', () => assert.equal(blocks.length, 15))

for (const block of blocks) {
  test(`${path.parse(block.name).name}(): the example in index.d.ts runs`, neededBy(block), (t) =>
    runBlock(t, block, blocks),
  )
}
