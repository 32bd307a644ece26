// A .socket unit with a socket of each type, for a service in the foreground and for daemons.

import assert from 'node:assert/strict'
import { until } from '../../../__test__/helpers/until.mjs'
import { PID_FILE, service } from '../units.mjs'

const SOCKETS = `[Socket]
ListenStream=8080
ListenStream=/run/app.sock
ListenDatagram=127.0.0.1:8081
ListenFIFO=/run/app.fifo
ListenSequentialPacket=/run/app.seq
FileDescriptorName=app
RemoveOnStop=yes
`
const KINDS = ['tcp-server', 'unix-server', 'udp', 'pipe', 'unix-seqpacket']
const REPORT = '/run/app.kinds'

export async function sockets({ machine, manager, own }) {
  for (const [title, text] of [
    ['Type=notify, in the foreground', service('notify', 'sockets.js --foreground')],
    ['Type=notify, daemonizes', service('notify', 'sockets.js')],
    ['Type=forking', service('forking', 'sockets.js', `PIDFile=${PID_FILE}`)],
  ]) {
    const units = { 'app.service': text, 'app.socket': SOCKETS }
    await own(`${title}: sockets of each type, with a name`, units, async (service) => {
      await manager.systemctl('start', 'app.socket')
      await until(async () => (await machine.answer()) !== '', 'the TCP socket answers')
      const pid = await service.serves()
      const unix = ['--silent', '--unix-socket', '/run/app.sock', 'http://localhost/']
      assert.equal(await machine.output('curl', unix), `Hello from ${pid}\n`)
      const told = JSON.parse(machine.read(REPORT))
      machine.remove(REPORT)
      assert.deepEqual(
        told,
        KINDS.map((kind) => ['app', kind]),
      )
    })
  }
}
