// The units of the systemd guide as printed: app.service, app.socket and forking.service.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as pass } from 'node:timers/promises'
import { until } from '../../../__test__/helpers/until.mjs'
import { underLoad } from '../load.mjs'

export async function guide({ machine, manager, printed }) {
  await printed('app.service: start, restart and stop', ['app.service'], async (service) => {
    await service.start()
    await service.hasPidFile()
    await service.systemctl('restart')
    await service.serves()
    await service.stop()
  })

  await printed('app.service, app.socket: enabled and disabled', ['app.service', 'app.socket'], async () => {
    await manager.systemctl('enable', 'app.service', 'app.socket')
    assert.equal(await manager.systemctl('is-enabled', 'app.service', 'app.socket'), 'enabled\nenabled\n')
    await manager.systemctl('disable', 'app.service', 'app.socket')
  })

  await printed('app.service: SIGKILL, started again', ['app.service'], async (service) => {
    await service.start()
    await restarts(service, 'KILL')
    await service.hasPidFile()
    await service.stop()
  })

  await printed('app.service: watchdog, while it answers and while it hangs', ['app.service'], async (service) => {
    await manager.change('app.service', '[Service]\nWatchdogSec=2\nWatchdogSignal=SIGKILL\n')
    const pid = await service.start()
    // Wait more than twice as long as systemd waits for the next WATCHDOG=1.
    await pass(5000)
    assert.equal(await service.serves(), pid)
    await restarts(service, 'STOP')
    await service.stop()
  })

  await printed('app.socket: 5 restarts under load', ['app.service', 'app.socket'], async (service) => {
    await manager.systemctl('start', 'app.socket')
    assert.equal(await service.mainPid(), 0)
    assert.match(await machine.answer(), /^Hello from \d+$/)
    await underLoad(machine, 8080, async () => {
      for (let round = 0; round < 5; round++) await service.systemctl('restart')
    })
    await service.serves()
  })

  await printed('forking.service: start, 3 restarts and stop', ['forking.service'], async (service) => {
    await service.start()
    await service.hasPidFile()
    for (let round = 0; round < 3; round++) await service.systemctl('restart').then(() => service.serves())
    await service.stop()
  })

  await printed('forking.service: started again after SIGKILL', ['forking.service'], async (service) => {
    await machine.output('kill', ['-KILL', await service.start()])
    await until(async () => (await service.show('SubState')).SubState === 'failed', 'systemd sees its end')
    await service.start()
    await service.hasPidFile()
    await service.stop()
  })

  await printed('forking.service: its port is taken, the start fails', ['forking.service'], async (service) => {
    const holder = machine.start('node', [
      '-e',
      'require("net").createServer().listen(8080, () => console.log("taken"))',
    ])
    await once(holder.stdout, 'data')
    await assert.rejects(service.systemctl('start'))
    for (const pid of machine.pidsOf(/node -e require/)) await machine.output('kill', [pid])
    assert.deepEqual(await service.show('SubState', 'Result'), { SubState: 'failed', Result: 'exit-code' })
  })

  await printed('forking.service: with WatchdogSec=', ['forking.service'], async (service) => {
    await manager.change('forking.service', '[Service]\nWatchdogSec=2\nTimeoutStartSec=10\n')
    const pid = await service.start()
    // Wait more than twice as long as systemd waits for the next WATCHDOG=1.
    await pass(5000)
    assert.equal(await service.serves(), pid)
    await service.stop()
  })
}

/** Sends a signal to the main process of a service. systemd must start another one. */
async function restarts(service, signal) {
  const { machine } = service
  const before = await service.mainPid()
  await machine.output('kill', [`-${signal}`, before])
  await until(async () => ![0, before].includes(await service.mainPid()), 'systemd has started another')
  await until(async () => (await machine.answer()) !== '', 'the other serves')
  await service.serves()
}
