// Services with few rights: hardened.service of the guide as printed, and services with a dynamic user.

import assert from 'node:assert/strict'
import { until } from '../../../__test__/helpers/until.mjs'
import { service } from '../units.mjs'

export async function hardened({ machine, manager, printed, own }) {
  await printed('hardened.service: start, restart and stop', ['hardened.service'], async (service) => {
    const pid = await service.start()
    assert.equal(machine.pidIn('/run/app/app.pid'), pid)
    await service.systemctl('restart')
    await service.serves()
    await service.stop()
  })

  for (const [title, settings, options] of [
    ['every call', '', ''],
    ['every call, with MemoryDenyWriteExecute= and --jitless', 'MemoryDenyWriteExecute=yes', '--jitless'],
  ]) {
    await printed(`hardened.service: ${title}`, ['hardened.service'], async (service) => {
      const command = `ExecStart=/usr/bin/node ${options} /srv/app/everything.js`
      const once = 'Type=oneshot\nRemainAfterExit=yes\nRestart=no\nExecStart='
      await manager.change('hardened.service', `[Service]\n${once}\n${command}\n${settings}\n`)
      await manager.systemctl('start', '--no-block', 'hardened.service')
      await until(async () => /exited|failed/.test((await service.show('SubState')).SubState), 'it has ended')
      assert.match(await service.journal(), /^all passed$/m)
    })
  }

  const settings = 'DynamicUser=yes\nRuntimeDirectory=app'
  for (const [type, more] of [
    ['notify', ''],
    ['forking', 'PIDFile=/run/app/app.pid\nNotifyAccess=all'],
  ]) {
    const text = service(type, 'service.js', `${settings}\n${more}`)
    await own(`Type=${type}, daemonizes, DynamicUser=: reload and stop`, text, async (service) => {
      await service.start()
      await service.reload()
      await service.serves()
      await service.stop()
    })
  }
}
