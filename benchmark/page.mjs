// The Markdown of a group, and its section in docs/performance.md.

import fs from 'node:fs'
import { median } from './measure.mjs'
import { verdict } from './target.mjs'
import { better, comparison, UNITS } from './units.mjs'

const row = (cells) => `| ${cells.join(' | ')} |`
const table = (columns, rows) => [row(columns), row(columns.map(() => '---')), ...rows.map(row)]

export function markdown({ machine, scenes, tables, notes }) {
  const columns = ['', 'contender', 'median', 'range', 'p99', 'procnative is', 'target']
  const blocks = [table(columns, scenes.flatMap(rowsOf))]
  for (const { title, columns, rows } of tables) blocks.push([title], table(columns, rows))
  for (const note of notes) blocks.push([note])
  const { node, kernel, processors, processor, memory } = machine
  blocks.push([`(Node.js ${node}, Linux ${kernel}, ${processors} × ${processor}, ${memory})`])
  return blocks.map((lines) => lines.join('\n')).join('\n\n')
}

function rowsOf(scene) {
  const { name, unit, results, tails = {}, target } = scene
  const { write } = UNITS[unit]
  const ours = median(results.procnative)
  return Object.entries(results).map(([contender, values], at) => [
    at === 0 ? name : '',
    contender,
    write(median(values)),
    `${write(Math.min(...values))} – ${write(Math.max(...values))}`,
    tails[contender] ? write(tails[contender]) : '',
    contender === 'procnative' ? '' : comparison(unit, better(unit, ours, median(values))),
    contender === (target?.against ?? 'procnative') ? verdict(scene) : '',
  ])
}

/** Replaces the text between the two marks of a section of a page. */
export function replaceSection(file, name, text) {
  const page = fs.readFileSync(file, 'utf8')
  const [from, to] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`]
  const [start, end] = [page.indexOf(from), page.indexOf(to)]
  if (start < 0 || end < start) throw new Error(`${file} has no place for ${name}`)
  fs.writeFileSync(file, page.slice(0, start + from.length) + text + page.slice(end))
}
