// Code blocks of README.md, docs and examples/README.md do what the pages say. helpers/pages.mjs runs them.

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
  // A block without a transcript is not run by itself: another block runs it, or it is plain text.
  for (const block of blocks.filter(({ transcript }) => transcript.length > 0)) {
    test(titleOf(block), neededBy(block), (t) => runBlock(t, block, blocks))
  }
}

test('docs: links lead to existing files', () => {
  for (const { name, text } of pages) {
    for (const target of linksOf(text)) {
      assert.ok(fs.existsSync(path.join(root, path.dirname(name), target)), `${name}: ${target}`)
    }
  }
})

// ── Errors are found ──

const fenced = (language, content, comment = '') => `${comment}\n\`\`\`${language}\n${content}\n\`\`\`\n`

for (const [what, text, message] of [
  ['in an unknown language', fenced('rust', 'fn main() {}'), /page.md:2: .* 'rust'/],
  ['without a language', fenced('', 'node main.js'), /page.md:2: .* ''/],
  ['that no block runs', fenced('js', '', '<!-- test: lonely.js -->'), /nothing runs lonely.js/],
  ['with an unknown comment', fenced('js', '', '<!-- test: skip -->'), /what is 'skip'/],
  ['that can’t be checked', fenced('python', '', '<!-- test: not run: no time -->'), /can't be checked/],
  ['without an end', '```js\n', /page.md:1: .* no end/],
  ['with an indented comment', fenced('js', '', '  <!-- test: main.js -->'), /begins its line/],
  ['that is missing after its comment', '<!-- test: main.js -->\n\nnode main.js\n', /no block/],
]) {
  test(`docs: a block ${what} is refused`, () => {
    assert.throws(() => blocksOf('page.md', text), { message })
  })
}

for (const [what, text] of [
  ['throws', fenced('js', "throw new Error('broken')")],
  ['calls a missing function', fenced('js', "require('procnative').demonize()")],
  ['prints unexpected text', fenced('sh', 'echo 2 of 3')],
  ['prints another text', fenced('console', '$ echo 2 of 3\n2 of four')],
  ['has a wrong type', fenced('ts', 'const pid: number = process.argv[0]')],
  ['has a broken old version', fenced('diff', '-const\n+const one = 1')],
  ['is not JSON', fenced('json', '{ a: 1 }')],
  ['is invalid and not run', fenced('sh', 'if true', '<!-- test: not run: it is dangerous -->')],
  ['leaves a process', fenced('sh', 'sleep 1000 &')],
]) {
  test(`docs: a block that ${what} fails`, async (t) => {
    const blocks = blocksOf('page.md', text)
    await assert.rejects(runBlock(t, blocks[0], blocks, 300))
  })
}
