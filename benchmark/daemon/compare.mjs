// The time to start a daemon, and the tasks that a start leaves undone.

import { alternate, each, median } from '../measure.mjs'
import { Group } from '../report.mjs'
import { contenders, PLAIN } from './contenders.mjs'
import { withStarts } from './starts.mjs'
import { undone } from './undone.mjs'

const STARTS = 5

export async function compare(progress) {
  const group = new Group('daemon', 'Starting a daemon')
  const all = contenders()
  const launchers = all.filter(({ isForeground }) => !isForeground)
  await withStarts(async (start, directory) => {
    const turns = all.map((contender) => ({ name: contender.name, measure: () => turn(start, contender) }))
    const runs = await alternate(turns, progress)
    const { [PLAIN]: _, ...launched } = runs
    group.add({ name: 'launcher returns', unit: 'ms', results: each(launched, ({ returned }) => returned) })
    const target = { against: PLAIN, times: 1 / 2.1 }
    group.add({ name: 'daemon up', unit: 'ms', results: each(runs, ({ up }) => up), target })
    progress('what each leaves undone')
    group.addTable(await undone(start, directory, launchers))
  })
  return group
}

/** Returns the medians of several starts. */
async function turn(start, contender) {
  const starts = []
  for (let count = 0; count < STARTS; count++) starts.push(await start(contender))
  const medianOf = (time) => median(starts.map((one) => one[time]))
  return { returned: medianOf('returned'), up: medianOf('up') }
}
