// The groups of scenarios, by the names that the command line takes.

import { launchers } from './launchers.mjs'
import { logrotate } from './logrotate.mjs'
import { podman } from './podman.mjs'
import { sshd } from './sshd.mjs'
import { systemd } from './systemd.mjs'

export const GROUPS = { systemd, podman, sshd, logrotate, launchers }

export const needsContainers = (name) => name === 'podman'

/** Returns true if a group runs in the booted machine. */
export const needsMachine = (name) => !needsContainers(name)
