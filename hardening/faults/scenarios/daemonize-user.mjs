// A daemon that becomes another user, whose standard error is looked at until it is ready, under a service manager.

import fs from 'node:fs'
import path from 'node:path'
import { fixture } from '../../../__test__/helpers/run.mjs'
import { end, launched } from '../launching.mjs'
import { Consequence } from '../told.mjs'

export default async function daemonizeUser({ directory, after }) {
  const pidFile = path.join(directory, 'pid')
  await launched({ user: 'nobody', pidFile }, '', ['python3', fixture('service-manager.py')], { TMPDIR: directory })
  if (!fs.existsSync(pidFile)) throw new Consequence('the launcher has failed')
  const pid = Number(fs.readFileSync(pidFile, 'utf8'))
  after(() => fs.rmSync(pidFile, { force: true }))
  await end(pid)
}
