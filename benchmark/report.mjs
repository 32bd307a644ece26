// What came of a group: its scenes with their values, and where all that is written.

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
   * A scene: { name, unit, results: { contender: [a value for each repetition] } }, with the 99th percentiles as `tails`,
   * { contender: value }, where each value is the median of many. `target` says how many times better than which
   * contender procnative is to be, { against, times }, which is less than 1 where it may be worse; or what its value is to
   * be, { atMost }.
   */
  add(scene) {
    this.scenes.push(scene)
  }

  /** What is no figure: { title, columns, rows }. */
  addTable(table) {
    this.tables.push(table)
  }

  /** What the figures don't say. */
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
