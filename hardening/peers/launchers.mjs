// Programs that start daemons on servers, other than service managers. Each must return, and leave a real daemon.

import assert from 'node:assert/strict'
import { until } from '../../__test__/helpers/until.mjs'
import { checkDaemon, endDaemon } from './daemons.mjs'

const PID_FILE = '/run/app.pid'
const START = 'node daemon.js'
const NODE = '/usr/bin/node'

/** Shell commands that return when the daemon is ready, with its exit code. */
const COMMANDS = {
  sh: START,
  setsid: `setsid --wait ${START}`,
  nohup: `nohup ${START}`,
  'script, a terminal that is closed at once': `script --quiet --return --command '${START}' /dev/null < /dev/null`,
  'a pipe': `test "$(${START} 2>&1 | cat)" = ''`,
  'no descriptors, one variable': `exec env -i DIRECTORY="$DIRECTORY" ${NODE} daemon.js <&- >&- 2>&-`,
  'signals ignored': `trap '' HUP TERM CHLD; ${START}`,
  timeout: `timeout 20 ${START}`,
  nice: `nice -n 5 ${START}`,
  xargs: `echo daemon.js | xargs node`,
  runuser: `chmod 777 "$DIRECTORY"; runuser -u nobody -- ${NODE} daemon.js`,
  'systemd-run --scope': `systemd-run --quiet --scope --same-dir --setenv=DIRECTORY="$DIRECTORY" ${NODE} daemon.js`,
}

export async function launchers({ machine, scenario }) {
  const sh = (script, options) => machine.output('env', ['DIRECTORY=/run/launched', 'sh', '-ec', script], options)
  const pidFile = '/run/launched/app.pid'
  /** Checks the launched daemon, and ends it. */
  const endLaunched = async () => endDaemon(machine, await checkDaemon(machine, pidFile), pidFile)
  const isServing = async () => (await machine.answer()) === `Hello from ${machine.pidIn(pidFile)}`
  /** Runs a scenario with a directory of its own for the daemon's files. */
  const launches = (title, body) =>
    scenario(title, async () => {
      machine.remove('/run/launched')
      await machine.output('mkdir', ['/run/launched'])
      try {
        await body()
      } finally {
        machine.remove('/run/launched')
      }
    })

  for (const [name, command] of Object.entries(COMMANDS)) {
    await launches(name, async () => {
      await sh(command)
      await endLaunched()
    })
  }

  const startStopDaemon = (...options) => `start-stop-daemon --pidfile ${pidFile} ${options.join(' ')}`
  const startBy = (...options) =>
    startStopDaemon('--start', `--startas ${NODE}`, '--chdir /srv/app', ...options, '-- daemon.js')
  await launches('start-stop-daemon: start twice, status and stop', async () => {
    await sh(startBy())
    const pid = await checkDaemon(machine, pidFile)
    await sh(startBy('--oknodo'))
    assert.equal(await checkDaemon(machine, pidFile), pid)
    await sh(startStopDaemon('--status'))
    await sh(startStopDaemon('--stop', '--retry 10'))
    assert.ok(!machine.isAlive(pid))
    await sh(`! ${startStopDaemon('--status')}`)
  })
  await launches('start-stop-daemon --chuid', async () => {
    await sh('chmod 777 "$DIRECTORY"')
    await sh(startBy('--chuid nobody'))
    await endLaunched()
  })
  await launches('start-stop-daemon --background', async () => {
    await sh(startBy('--background'))
    await until(isServing, 'the daemon serves')
    await endLaunched()
  })

  await launches('tmux: the server is killed when the daemon serves', async () => {
    await sh(`tmux -L peers new-session -d '${START}; sleep 1000'`)
    await until(isServing, 'the daemon serves')
    await sh('tmux -L peers kill-server')
    await until(() => machine.pidsOf(/^(tmux|sleep 1000)/).length === 0, 'the session is gone')
    await endLaunched()
  })
  await launches('screen', async () => {
    await sh(`screen -dmS peers sh -c '${START}'`)
    await until(isServing, 'the daemon serves')
    await until(() => machine.pidsOf(/SCREEN/).length === 0, 'the screen is gone')
    await endLaunched()
  })
  await launches('at', async () => {
    await sh(`systemctl start atd; echo '${START}' | at now 2>&1`)
    await until(isServing, 'the daemon serves')
    await until(async () => (await sh('atq')) === '', 'the queue is empty')
    await endLaunched()
  })
  await launches('cron, which is restarted', async () => {
    machine.write('/etc/cron.d/peers', `* * * * * root cd /srv/app && DIRECTORY=/run/launched ${NODE} daemon.js\n`, {
      mode: 0o644,
    })
    try {
      await sh('systemctl start cron')
      // cron looks once a minute.
      await until(isServing, 'the daemon serves', 90_000)
    } finally {
      machine.remove('/etc/cron.d/peers')
    }
    await sh('systemctl restart cron')
    await endLaunched()
  })

  await launches('supervisord: start, SIGKILL and stop, in the foreground', async () => {
    const configuration = '/etc/supervisor/conf.d/app.conf'
    machine.write(
      configuration,
      `[program:app]\ncommand=${NODE} /srv/app/main.js --foreground\nautorestart=unexpected\n`,
    )
    try {
      await sh('systemctl start supervisor')
      await until(async () => (await machine.run('supervisorctl', ['update'])).code === 0, 'supervisord answers')
      const serves = async (before) => {
        const isServing = async () => (await machine.answer()) === `Hello from ${machine.pidIn(PID_FILE)}`
        await until(async () => machine.pidIn(PID_FILE) !== before && (await isServing()), 'it serves')
        return machine.pidIn(PID_FILE)
      }
      const first = await serves()
      await sh(`kill -KILL ${first}`)
      const second = await serves(first)
      assert.equal(await sh('supervisorctl pid app'), `${second}\n`)
      await sh('supervisorctl stop app')
      assert.ok(!machine.exists(PID_FILE), 'the pid file is left')
    } finally {
      machine.remove(configuration)
      await sh('supervisorctl update; systemctl stop supervisor')
    }
  })
}
