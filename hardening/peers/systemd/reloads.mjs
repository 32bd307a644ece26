// Services that start their successor at SIGHUP: reload.service of the guide as printed, and others.

import assert from 'node:assert/strict'
import { setTimeout as pass } from 'node:timers/promises'
import { until } from '../../../__test__/helpers/until.mjs'
import { underLoad } from '../load.mjs'
import { service } from '../units.mjs'

const ROUNDS = 20

export async function reloads({ machine, manager, printed, own }) {
  await printed(`reload.service: ${ROUNDS} reloads under load`, ['reload.service'], async (service) => {
    await service.start()
    await underLoad(machine, 8080, async () => {
      for (let round = 0; round < ROUNDS; round++) await service.reload()
    })
    await service.serves()
    await service.hasPidFile()
    await service.stop()
  })

  await printed('reload.service: a successor that fails', ['reload.service'], async (service) => {
    const program = machine.read('/srv/app/server.js')
    const pid = await service.start()
    try {
      machine.write('/srv/app/server.js', 'this is no program\n')
      await service.systemctl('reload')
      const log = () => machine.read('/var/log/app.log')
      await until(() => log().includes('ERR_PROCNATIVE_DAEMON_EXITED'), 'the log has the failure')
      assert.equal(await service.serves(), pid)
    } finally {
      machine.write('/srv/app/server.js', program)
    }
    await service.reload()
    await service.serves()
    await service.stop()
  })

  for (const command of ['stop', 'restart']) {
    await printed(
      `reload.service: ${command} during a reload, ${ROUNDS} times`,
      ['reload.service'],
      async (service) => {
        await manager.change('reload.service', '[Service]\nTimeoutStopSec=10\n')
        for (let round = 0; round < ROUNDS; round++) {
          await service.start()
          await service.systemctl('reload')
          // Stop at a later point of the reload in each round: a successor takes about 300 ms to come up.
          await pass(round * 15)
          if (command === 'restart') {
            await service.systemctl('restart')
            await service.serves()
            await service.hasPidFile()
          }
          await service.stop()
          assert.deepEqual(machine.pidsOf(/server\.js/), [])
        }
      },
    )
  }

  for (const [how, argument] of [
    ['in the foreground', ' --foreground'],
    ['daemonizes', ''],
  ]) {
    const text = service('notify', `service.js${argument}`, 'WatchdogSec=2')
    await own(`Type=notify, ${how}: reloads without a pause for 2 WatchdogSec=`, text, async (service) => {
      await service.start()
      // Reload so often that no process lives until its first timer for WATCHDOG=1.
      for (const began = performance.now(); performance.now() - began < 4000; ) await service.reload()
      const pid = await service.mainPid()
      await pass(2500)
      assert.equal(await service.serves(), pid)
      await service.stop()
    })

    await own(`Type=notify, ${how}: STATUS= after readiness, 10 reloads`, text, async (service) => {
      await service.start()
      for (let round = 0; round < 10; round++) {
        await service.reload()
        await service.tells(`${await service.mainPid()} serves`)
      }
      await service.stop()
    })
  }
}
