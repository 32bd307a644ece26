// The named blocks of the guides, as printed.

import fs from 'node:fs'
import path from 'node:path'
import { root } from '../../__test__/helpers/run.mjs'

/** Returns the text of a block of a page, unchanged. */
export function printed(page, name) {
  const text = fs.readFileSync(path.join(root, page), 'utf8')
  for (const [, remarks, content] of text.matchAll(
    /^<!-- test: (.*?)(?:\n(?:.*\n)*?)?-->\n```\w+\n((?:.*\n)*?)```$/gm,
  )) {
    if (remarks.split(/[, ]/)[0] === name) return content
  }
  throw new Error(`${page} has no block ${name}`)
}
