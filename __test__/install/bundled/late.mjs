// Fails in a top-level await: it is the launcher that must say so.

import { setTimeout } from 'node:timers/promises'
import { daemonize } from 'procnative'

daemonize()
await setTimeout(100)
throw new Error('too late')
