// All that a soak does at once. Each job is begun with `{ tally, fosters, directory }`, and does a round after another, which
// leaves nothing behind; what it keeps from one to the next, its `stop` gives up.

import { channels } from './jobs/channels.mjs'
import { children } from './jobs/children.mjs'
import { daemons } from './jobs/daemons.mjs'
import { forks } from './jobs/forks.mjs'
import { launches } from './jobs/launches.mjs'
import { notifications } from './jobs/notifications.mjs'
import { orphans } from './jobs/orphans.mjs'
import { sockets } from './jobs/sockets.mjs'
import { spawns } from './jobs/spawns.mjs'
import { threads } from './jobs/threads.mjs'

export const jobs = [spawns, children, orphans, daemons, launches, channels, forks, threads, sockets, notifications]
