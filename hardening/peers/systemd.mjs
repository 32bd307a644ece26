// systemd as PID 1, and as the manager of a user.

import { guide } from './systemd/guide.mjs'
import { hardened } from './systemd/hardened.mjs'
import { reloads } from './systemd/reloads.mjs'
import { sockets } from './systemd/sockets.mjs'
import { stops } from './systemd/stops.mjs'
import { supervisor } from './systemd/supervisor.mjs'
import { userManager } from './systemd/user-manager.mjs'
import { Services } from './units.mjs'

export async function systemd({ machine, scenario }) {
  const services = new Services(machine, scenario)
  for (const group of [guide, stops, reloads, hardened, sockets, supervisor, userManager]) await group(services)
}
