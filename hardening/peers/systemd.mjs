// systemd as PID 1, with the units of the systemd guide as they are printed.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as pass } from 'node:timers/promises'
import { underLoad } from './load.mjs'
import { addTo, Service, unit, withUnits } from './units.mjs'
import { until } from './until.mjs'

const PID_FILE = '/run/app.pid'

/** A unit of a program of this directory, which is reloaded by SIGHUP. */
const service = (type, command, settings = '') => `[Service]
Type=${type}
ExecStart=/usr/bin/node /srv/app/${command}
ExecReload=/bin/kill -HUP $MAINPID
${settings}
`

export async function systemd({ machine, scenario }) {
  /** A scenario with the units of the guide that it names; the first is the service. */
  const printedScenario = (title, names, body) =>
    scenario(title, () =>
      withUnits(machine, Object.fromEntries(names.map((name) => [name, unit(name)])), () =>
        body(new Service(machine, names[0])),
      ),
    )
  const ownScenario = (title, text, body) =>
    scenario(title, () => withUnits(machine, { 'app.service': text }, () => body(new Service(machine, 'app.service'))))
  const change = async (name, settings) => {
    addTo(machine, name, settings)
    await machine.output('systemctl', ['daemon-reload'])
  }
  const hasPidFile = (service) => service.mainPid().then((pid) => assert.equal(machine.pidIn(PID_FILE), pid))
  const hasNoPidFile = () => assert.ok(!machine.exists(PID_FILE), `${PID_FILE} is left`)
  /** Kills the main process of a service; systemd has to start another. */
  const restarts = async (service, signal) => {
    const before = await service.mainPid()
    await machine.output('kill', [`-${signal}`, before])
    await until('systemd has started another', async () => ![0, before].includes(await service.mainPid()))
    await until('the other serves', async () => (await machine.answer()) !== '')
    await service.serves()
  }

  await printedScenario('app.service: start, restart and stop', ['app.service'], async (service) => {
    await service.start()
    await hasPidFile(service)
    await service.systemctl('restart')
    await service.serves()
    await service.stop()
    hasNoPidFile()
  })

  await printedScenario('app.service: enabled and disabled', ['app.service', 'app.socket'], async () => {
    await machine.output('systemctl', ['enable', 'app.service', 'app.socket'])
    assert.equal(await machine.output('systemctl', ['is-enabled', 'app.service', 'app.socket']), 'enabled\nenabled\n')
    await machine.output('systemctl', ['disable', 'app.service', 'app.socket'])
  })

  await printedScenario('app.service: SIGKILL, started again', ['app.service'], async (service) => {
    await service.start()
    await restarts(service, 'KILL')
    await hasPidFile(service)
    await service.stop()
  })

  await printedScenario(
    'app.service: watchdog, while it answers and while it hangs',
    ['app.service'],
    async (service) => {
      await change('app.service', '[Service]\nWatchdogSec=1\nWatchdogSignal=SIGKILL\n')
      const pid = await service.start()
      // Time is the subject: three times as long as systemd waits for the next WATCHDOG=1.
      await pass(3000)
      assert.equal(await service.serves(), pid)
      await restarts(service, 'STOP')
      await service.stop()
    },
  )

  await printedScenario('app.socket: 5 restarts under load', ['app.service', 'app.socket'], async (service) => {
    await machine.output('systemctl', ['start', 'app.socket'])
    assert.equal(await service.mainPid(), 0)
    assert.match(await machine.answer(), /^Hello from \d+$/)
    await underLoad(machine, 8080, async () => {
      for (let round = 0; round < 5; round++) await service.systemctl('restart')
    })
    await service.serves()
  })

  await printedScenario('forking.service: start, 3 restarts and stop', ['forking.service'], async (service) => {
    await service.start()
    await hasPidFile(service)
    for (let round = 0; round < 3; round++) await service.systemctl('restart').then(() => service.serves())
    await service.stop()
    hasNoPidFile()
  })

  await printedScenario('forking.service: started again after SIGKILL', ['forking.service'], async (service) => {
    const pid = await service.start()
    await machine.output('kill', ['-KILL', pid])
    await until('systemd sees its end', async () => (await service.show('SubState')).SubState === 'failed')
    await service.start()
    await hasPidFile(service)
    await service.stop()
  })

  await printedScenario('forking.service: its port is taken, the start fails', ['forking.service'], async (service) => {
    const holder = machine.start('node', [
      '-e',
      'require("net").createServer().listen(8080, () => console.log("taken"))',
    ])
    await once(holder.stdout, 'data')
    const { code } = await machine.run('systemctl', ['start', 'forking.service'])
    const { SubState, Result } = await service.show('SubState', 'Result')
    for (const pid of machine.pidsOf(/node -e require/)) await machine.run('kill', [pid])
    assert.deepEqual({ code, SubState, Result }, { code: 1, SubState: 'failed', Result: 'exit-code' })
    hasNoPidFile()
  })

  await printedScenario('forking.service: with WatchdogSec=', ['forking.service'], async (service) => {
    await change('forking.service', '[Service]\nWatchdogSec=1\nTimeoutStartSec=10\n')
    const pid = await service.start()
    // Time is the subject, as above.
    await pass(3000)
    assert.equal(await service.serves(), pid)
    await service.stop()
    hasNoPidFile()
  })

  await printedScenario('reload.service: 20 reloads under load', ['reload.service'], async (service) => {
    await service.start()
    await underLoad(machine, 8080, async () => {
      for (let round = 0; round < 20; round++) await service.reload()
    })
    await service.serves()
    await hasPidFile(service)
    await service.stop()
    hasNoPidFile()
  })

  await printedScenario('reload.service: a successor that fails', ['reload.service'], async (service) => {
    const program = machine.read('/srv/app/server.js')
    const pid = await service.start()
    try {
      machine.write('/srv/app/server.js', 'this is no program\n')
      await service.systemctl('reload')
      const log = () => machine.read('/var/log/app.log')
      await until('the log has the failure', () => log().includes('ERR_PROCNATIVE_DAEMON_EXITED'))
      assert.equal(await service.serves(), pid)
    } finally {
      machine.write('/srv/app/server.js', program)
    }
    await service.reload()
    await service.serves()
    await service.stop()
  })

  for (const command of ['stop', 'restart']) {
    await printedScenario(
      `reload.service: ${command} during a reload, 20 times`,
      ['reload.service'],
      async (service) => {
        await change('reload.service', '[Service]\nTimeoutStopSec=10\n')
        for (let round = 0; round < 20; round++) {
          await service.start()
          await service.systemctl('reload')
          // A moment of the reload, each round a later one: a successor takes about 300 ms to come up.
          await pass(round * 15)
          if (command === 'restart') {
            await service.systemctl('restart')
            await service.serves()
            await hasPidFile(service)
          }
          await service.stop()
          hasNoPidFile()
          assert.deepEqual(machine.pidsOf(/server\.js/), [])
        }
      },
    )
  }

  for (const type of ['notify', 'forking']) {
    const settings = type === 'forking' ? `PIDFile=${PID_FILE}\nNotifyAccess=all` : ''
    const title = `Type=${type}, program daemonizes: 10 stops, each answers first`
    await ownScenario(title, service(type, 'slow.js', settings), async (service) => {
      for (let round = 0; round < 10; round++) {
        machine.remove('/var/log/app.log')
        await service.systemctl('start')
        const client = machine.start('curl', ['--silent', 'http://127.0.0.1:8080/'])
        const answer = text(client.stdout)
        const log = () => machine.read('/var/log/app.log')
        await until('it was asked', () => log().includes('asked'))
        await service.stop()
        assert.match(await answer, /^Hello from \d+\n$/)
        assert.match(log(), /orderly/)
        hasNoPidFile()
      }
    })
  }

  for (const [how, argument] of [
    ['in the foreground', ' --foreground'],
    ['daemonizes', ''],
  ]) {
    const text = service('notify', `service.js${argument}`, 'WatchdogSec=2')
    await ownScenario(`Type=notify, ${how}: reloads without a pause for 2 WatchdogSec=`, text, async (service) => {
      await service.start()
      // Time is the subject: no process lives until it says WATCHDOG=1 by its timer.
      for (const began = performance.now(); performance.now() - began < 4000; ) await service.reload()
      const pid = await service.mainPid()
      await pass(2500)
      assert.equal(await service.serves(), pid)
      await service.stop()
      hasNoPidFile()
    })
    await ownScenario(`Type=notify, ${how}: STATUS= after readiness, 10 reloads`, text, async (service) => {
      await service.start()
      for (let round = 0; round < 10; round++) {
        await service.reload()
        const pid = await service.mainPid()
        const status = async () => (await service.show('StatusText')).StatusText
        await until(`the status is of ${pid}`, async () => (await status()) === `${pid} serves`, 3000)
      }
      await service.stop()
    })
  }

  const DYNAMIC = 'DynamicUser=yes\nRuntimeDirectory=app'
  await ownScenario(
    'Type=forking with DynamicUser=: reload and stop',
    service('forking', 'service.js', `${DYNAMIC}\nPIDFile=/run/app/app.pid\nNotifyAccess=all`),
    async (service) => {
      await service.start()
      await service.reload()
      await service.serves()
      await service.stop()
    },
  )

  await printedScenario('hardened.service: start, restart and stop', ['hardened.service'], async (service) => {
    const pid = await service.start()
    assert.equal(machine.pidIn('/run/app/app.pid') || machine.pidIn('/run/private/app/app.pid'), pid)
    await service.systemctl('restart')
    await service.serves()
    await service.stop()
  })

  const calls = (title, settings, options = '') =>
    printedScenario(title, ['hardened.service'], async (service) => {
      const command = `/usr/bin/node ${options} /srv/app/everything.js`
      await change(
        'hardened.service',
        `[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart=${command}\n${settings}`,
      )
      await service.systemctl('start')
      assert.match(await service.journal(), /^all passed$/m)
    })
  await calls('hardened.service: every call', '')
  await calls('hardened.service: every call, MemoryDenyWriteExecute=', 'MemoryDenyWriteExecute=yes\n', '--jitless')

  await scenario('sockets of each type, named, by Type=notify and Type=forking', async () => {
    for (const [type, settings, argument] of [
      ['notify', '', '--foreground'],
      ['notify', '', ''],
      ['forking', `PIDFile=${PID_FILE}`, ''],
    ]) {
      const units = { 'app.service': service(type, `sockets.js ${argument}`, settings), 'app.socket': SOCKETS }
      await withUnits(machine, units, async () => {
        const service = new Service(machine, 'app.service', 8080)
        await machine.output('systemctl', ['start', 'app.socket'])
        await until('the TCP socket answers', async () => (await machine.answer()) !== '')
        await service.serves()
        const unix = ['--silent', '--unix-socket', '/run/app.sock', 'http://localhost/']
        assert.equal(await machine.output('curl', unix), `Hello from ${await service.mainPid()}\n`)
        assert.deepEqual(JSON.parse(machine.read('/run/app.kinds')), [
          ...[
            ['app', 'tcp-server'],
            ['app', 'unix-server'],
            ['app', 'udp'],
            ['app', 'pipe'],
            ['app', 'unix-seqpacket'],
          ],
        ])
      })
      machine.remove('/run/app.kinds')
    }
  })
}

const SOCKETS = `[Socket]
ListenStream=8080
ListenStream=/run/app.sock
ListenDatagram=127.0.0.1:8081
ListenFIFO=/run/app.fifo
ListenSequentialPacket=/run/app.seq
FileDescriptorName=app
RemoveOnStop=yes
`
