// others.mjs COUNT: waits for COUNT processes that a shell has started. Prints as JSON the resources that the waits take in this
// process: { threads: 0, descriptors: 1, megabytes: 0.1 }

import * as childProcess from 'node:child_process'
import { once } from 'node:events'
import * as procnative from '../../index.js'
import { growth } from '../growth.cjs'
import { settled } from './sleepers.mjs'

const [count] = process.argv.slice(2)
const script = `n=0; while [ $n -lt ${count} ]; do sleep 1000 >/dev/null & echo $!; n=$((n + 1)); done; exec >&-; wait`
const shell = childProcess.spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
const pids = (await shell.stdout.toArray()).join('').trim().split('\n').map(Number)
// Loads modules.
await procnative.wait(procnative.spawn('true', [], { stdio: 'ignore' }).pid)

const grown = growth()
const waits = pids.map((pid) => procnative.wait(pid))
await settled()
const taken = grown()
for (const pid of pids) process.kill(pid, 'SIGKILL')
// The shell reaps them.
await Promise.all([...waits, once(shell, 'exit')])
console.log(JSON.stringify(taken))
