// A daemon that becomes another user, under a service manager. The launcher reads its standard error until it is ready.

import fs from 'node:fs'
import path from 'node:path'
import { fixture } from '../../../__test__/helpers/run.mjs'
import { end, launched, named } from '../launching.mjs'

export default async function daemonizeUser({ directory, after }) {
  const pidFile = path.join(directory, 'pid')
  await launched({ user: 'nobody', pidFile }, '', ['python3', fixture('service-manager.py')], { TMPDIR: directory })
  const pid = named(pidFile)
  after(() => fs.rmSync(pidFile, { force: true }))
  await end(pid)
}
