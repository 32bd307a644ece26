// case.mjs SCENARIO DIRECTORY: runs a scenario in its own process. Reports the errors that came to JavaScript, and what is left
// after the cleanup.

import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import { children, descriptors, threads } from '../../__test__/helpers/proc.mjs'
import { eventually } from '../../__test__/helpers/until.mjs'
import { tellEnd, tellError, tellLeft } from './told.mjs'

const [name, directory] = process.argv.slice(2)
const { default: scenario } = await import(`./scenarios/${name}.mjs`)

// Makes libuv start its threads and open its descriptors, which it does at the first use, before they are counted.
await Promise.all(Array.from({ length: 16 }, () => fs.promises.stat('/')))
await once(net.connect('\0nobody'), 'error')

const snapshot = () => ({ descriptors: descriptors(), threads: threads(), children: children() })

const isPassing = (what) => what.endsWith('/fd') || what === '/proc/sys/vm/overcommit_memory'

function leftovers(before) {
  const after = snapshot()
  const left = Object.entries(after.descriptors).filter(
    ([fd, what]) => before.descriptors[fd] !== what && !isPassing(what),
  )
  // A thread's reactor stays open.
  const reactor = left.findIndex(([, what]) => what === 'anon_inode:[eventpoll]')
  if (reactor >= 0) left.splice(reactor, 1)
  return {
    descriptors: left.map((one) => one.join(' is ')),
    threads: Math.max(0, after.threads - before.threads),
    children: after.children.filter((pid) => !before.children.includes(pid)),
  }
}

const isNothing = ({ descriptors, threads, children }) => descriptors.length + threads + children.length === 0

const before = snapshot()
const cleanups = []
process.on('uncaughtException', (error) => tellError(error, true))
try {
  await scenario({ directory, after: (cleanup) => cleanups.unshift(cleanup) })
} catch (error) {
  tellError(error)
}
for (const cleanup of cleanups) {
  try {
    await cleanup()
  } catch (error) {
    tellError(error)
  }
}
if (!(await eventually(() => isNothing(leftovers(before)), 3000))) tellLeft(leftovers(before))
tellEnd()
