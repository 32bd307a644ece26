// The results of a group: scenes with values, and the files that get them.

import fs from 'node:fs'
import os from 'node:os'
import { chart } from './chart.mjs'
import { markdown, replaceSection } from './page.mjs'

const results = new URL('./results/', import.meta.url)
const page = new URL('../docs/performance.md', import.meta.url)
const charts = new URL('../docs/performance/', import.meta.url)

export class Group {
  constructor(name, title) {
    Object.assign(this, { name, title, machine: machine(), scenes: [], tables: [], notes: [] })
  }

  /**
   * Adds a scene: { name, unit, results: { contender: [a value for each repetition] } }. If the values are medians, `tails` has the
   * 99th percentiles: { contender: value }. `target` is { against, times }, the factor by which procnative must be better than a
   * contender, less than 1 if procnative may be worse; or { atMost }, the limit of its value.
   */
  add(scene) {
    this.scenes.push(scene)
  }

  /** Adds a table of results that are no numbers: { title, columns, rows }. */
  addTable(table) {
    this.tables.push(table)
  }

  /** Adds a text. */
  addNote(text) {
    this.notes.push(text)
  }

  save() {
    const { name } = this
    fs.mkdirSync(results, { recursive: true })
    fs.writeFileSync(new URL(`${name}.json`, results), `${JSON.stringify(this, null, 1)}\n`)
    fs.mkdirSync(charts, { recursive: true })
    fs.writeFileSync(new URL(`${name}.svg`, charts), chart(this.title, this.scenes))
    replaceSection(page, name, markdown(this))
  }
}

const machine = () => ({
  node: process.version,
  kernel: os.release(),
  processor: os.cpus()[0].model,
  processors: os.availableParallelism(),
  memory: `${(os.totalmem() / 2 ** 30).toFixed(0)} GiB`,
})
