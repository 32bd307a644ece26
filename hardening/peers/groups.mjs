// The groups of scenarios, by the name that they are asked for.

import { launchers } from './launchers.mjs'
import { logrotate } from './logrotate.mjs'
import { podman } from './podman.mjs'
import { sshd } from './sshd.mjs'
import { systemd } from './systemd.mjs'

export const GROUPS = { systemd, podman, sshd, logrotate, launchers }

export const needsContainers = (name) => name === 'podman'

/** Whether a group runs in the booted machine. */
export const needsMachine = (name) => !needsContainers(name)
