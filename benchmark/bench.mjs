// npm run bench [-- spawn|daemon|handles|wait|load …]: measures procnative, its peers and the physical limit with the same work in
// the same run. Prints a table for each group. Writes the table into docs/performance.md, the chart beside that page, and all
// values into results/.

import { markdown } from './page.mjs'
import { installPeers } from './peers.mjs'

const GROUPS = ['spawn', 'daemon', 'handles', 'wait', 'load']
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !GROUPS.includes(name))
if (unknown.length > 0) {
  console.error(`Unknown group ${unknown.join(', ')}. Use ${GROUPS.join(', ')}`)
  process.exit(1)
}

const progress = process.stderr.isTTY ? (text) => process.stderr.write(`\r\x1b[K${text}`) : () => {}
installPeers()
for (const name of wanted.length > 0 ? wanted : GROUPS) {
  const { compare } = await import(`./${name}/compare.mjs`)
  const began = performance.now()
  const group = await compare((text) => progress(`${name}: ${text}`))
  progress('')
  console.log(`\n## ${group.title}\n\n${markdown(group)}`)
  console.log(`\n(${((performance.now() - began) / 1000).toFixed(0)} s)`)
  group.save()
}
