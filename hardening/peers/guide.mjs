// The named blocks of the guides, as printed.

import fs from 'node:fs'
import path from 'node:path'
import { root } from '../../__test__/helpers/run.mjs'
import { blocksOf } from '../../__test__/package/helpers/pages.mjs'

/** Returns the text of a block of a page, unchanged. */
export function printed(page, name) {
  const blocks = blocksOf(page, fs.readFileSync(path.join(root, page), 'utf8'))
  const block = blocks.find((one) => one.name === name)
  if (!block) throw new Error(`${page} has no block ${name}`)
  return block.content
}
