// A main process that systemd has not started itself: a stop must wait for its last answer.

import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { until } from '../../../__test__/helpers/until.mjs'
import { PID_FILE, service } from '../units.mjs'

const LOG = '/var/log/app.log'
const ROUNDS = 10

export async function stops({ machine, own }) {
  for (const [type, settings] of [
    ['notify', ''],
    ['forking', `PIDFile=${PID_FILE}`],
    ['forking', `PIDFile=${PID_FILE}\nNotifyAccess=all`],
  ]) {
    const title = `Type=${type}${settings.includes('Notify') ? ' with NotifyAccess=all' : ''}, daemonizes`
    await own(
      `${title}: ${ROUNDS} stops wait for the last answer`,
      service(type, 'slow.js', settings),
      async (service) => {
        for (let round = 0; round < ROUNDS; round++) {
          machine.remove(LOG)
          await service.systemctl('start')
          const client = machine.start('curl', ['--silent', 'http://127.0.0.1:8080/'])
          const answer = text(client.stdout)
          await until(() => machine.read(LOG).includes('asked'), 'it was asked')
          await service.stop()
          assert.match(await answer, /^Hello from \d+\n$/)
          assert.match(machine.read(LOG), /orderly/)
        }
      },
    )
  }
}
