// The code in README.md, in docs and in examples/README.md does what these pages say: helpers/pages.mjs has how it is run.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from '../helpers/harness.mjs'
import { root } from '../helpers/run.mjs'
import { blocksOf, linksOf, neededBy, runBlock, titleOf } from './helpers/pages.mjs'

const inDocs = fs.readdirSync(path.join(root, 'docs'), { recursive: true }).filter((name) => name.endsWith('.md'))
const names = ['README.md', 'examples/README.md', ...inDocs.sort().map((name) => `docs/${name}`)]
const pages = names.map((name) => ({ name, text: fs.readFileSync(path.join(root, name), 'utf8') }))

for (const { name, text } of pages) {
  const blocks = blocksOf(name, text)
  // Those that have a name only, and those that say nothing to a machine, are not run by themselves.
  for (const block of blocks.filter(({ transcript }) => transcript.length > 0)) {
    test(titleOf(block), neededBy(block), (t) => runBlock(t, block, blocks))
  }
}

test('pages lead to files that are there', () => {
  for (const { name, text } of pages) {
    for (const target of linksOf(text)) {
      assert.ok(fs.existsSync(path.join(root, path.dirname(name), target)), `${name}: ${target}`)
    }
  }
})

// ── Whether it would be noticed ──

const fenced = (language, content, comment = '') => `${comment}\n\`\`\`${language}\n${content}\n\`\`\`\n`

for (const [what, text, message] of [
  ['in a language that is not known', fenced('rust', 'fn main() {}'), /page.md:2: .* 'rust'/],
  ['in no language', fenced('', 'node main.js'), /page.md:2: .* ''/],
  ['that nobody runs', fenced('js', '', '<!-- test: lonely.js -->'), /nothing runs lonely.js/],
  ['with a comment that means nothing', fenced('js', '', '<!-- test: skip -->'), /what is 'skip'/],
  ['that can not be checked', fenced('python', '', '<!-- test: not run: no time -->'), /can't be checked/],
  ['without an end', '```js\n', /page.md:1: .* no end/],
  ['that has its comment in a list', fenced('js', '', '  <!-- test: main.js -->'), /begins its line/],
  ['that is no block', '<!-- test: main.js -->\n\nnode main.js\n', /no block/],
]) {
  test(`a page with a block ${what} is refused`, () => {
    assert.throws(() => blocksOf('page.md', text), { message })
  })
}

for (const [what, text] of [
  ['throws', fenced('js', "throw new Error('broken')")],
  ['calls what there is not', fenced('js', "require('procnative').demonize()")],
  ['prints what it does not say', fenced('sh', 'echo 2 of 3')],
  ['does not print what it says', fenced('console', '$ echo 2 of 3\n2 of four')],
  ['has a wrong type', fenced('ts', 'const pid: number = process.argv[0]')],
  ['was no program before', fenced('diff', '-const\n+const one = 1')],
  ['is no JSON', fenced('json', '{ a: 1 }')],
  ['is no program, and not run', fenced('sh', 'if true', '<!-- test: not run: it is dangerous -->')],
  ['leaves a process', fenced('sh', 'sleep 1000 &')],
]) {
  test(`a block that ${what} fails`, async (t) => {
    const blocks = blocksOf('page.md', text)
    await assert.rejects(runBlock(t, blocks[0], blocks, 300))
  })
}
