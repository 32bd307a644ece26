// All jobs of a soak, which run at once. Each job gets `{ tally, fosters, directory }` and runs round after round. A round
// leaves nothing behind. `stop` releases what a job keeps between its rounds.

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
