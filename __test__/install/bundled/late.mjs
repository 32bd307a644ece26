// Fails in a top-level await. The launcher must report that.

import { setTimeout } from 'node:timers/promises'
import { daemonize } from 'procnative'

daemonize()
await setTimeout(100)
throw new Error('too late')
