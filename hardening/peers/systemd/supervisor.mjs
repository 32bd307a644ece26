// The supervisor of the package's examples: a master with workers, in the foreground and as a daemon.

import assert from 'node:assert/strict'
import { underLoad } from '../load.mjs'

const MAIN = '/srv/app/node_modules/procnative/examples/supervisor/main.js'
const ENVIRONMENT = ['DIRECTORY=/run/supervisor', 'PORT=8080', 'WORKERS=2']

const unit = (command) => `[Service]
Type=notify
Environment=${ENVIRONMENT.join(' ')}
ExecStart=/usr/bin/node ${MAIN} ${command}
`

export async function supervisor({ machine, own }) {
  for (const [how, command] of [
    ['in the foreground', 'run'],
    ['daemonizes', 'start'],
  ]) {
    await own(`examples/supervisor, ${how}: 3 reloads under load and stop`, unit(command), async (service) => {
      await service.systemctl('start')
      const pid = await service.mainPid()
      await underLoad(machine, 8080, async () => {
        for (let round = 0; round < 3; round++) await machine.output('env', [...ENVIRONMENT, 'node', MAIN, 'reload'])
      })
      assert.equal(await service.mainPid(), pid)
      await service.stop()
      assert.ok(!machine.exists('/run/supervisor/pid'), 'the pid file is left')
    })
    machine.remove('/run/supervisor')
  }
}
