// The service manager of a user, which runs without a login.

import { until } from '../../../__test__/helpers/until.mjs'
import { Manager, service } from '../units.mjs'

const UID = 1000

export async function userManager({ machine, own }) {
  const manager = Manager.user(machine, UID)
  await machine.output('loginctl', ['enable-linger', UID])
  await until(() => machine.exists(`/run/user/${UID}/systemd/private`), 'the manager runs')

  const runtime = 'RuntimeDirectory=app'
  for (const [title, text] of [
    ['Type=notify, in the foreground', service('notify', 'service.js --foreground', runtime)],
    ['Type=notify, daemonizes', service('notify', 'service.js', runtime)],
    ['Type=forking', service('forking', 'service.js', `${runtime}\nPIDFile=%t/app/app.pid`)],
  ]) {
    await own(
      `user manager, ${title}: 3 reloads and stop`,
      text,
      async (service) => {
        await service.start()
        for (let round = 0; round < 3; round++) await service.reload()
        await service.serves()
        await service.stop()
      },
      manager,
    )
  }
  await machine.output('loginctl', ['disable-linger', UID])
}
