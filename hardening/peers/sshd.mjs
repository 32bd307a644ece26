// Daemons started over Debian's sshd, with PAM and logind.

import assert from 'node:assert/strict'
import { setTimeout as pass } from 'node:timers/promises'
import { until } from '../../__test__/helpers/until.mjs'
import { checkDaemon, endDaemon } from './daemons.mjs'
import { printed } from './guide.mjs'

const PID_FILE = '/run/app.pid'
const START = 'cd /srv/app && node app.js'
const ROUNDS = 10

const HOW = { 'a terminal': '-tt', 'no terminal': '-T', 'no terminal and no input': '-n' }

export async function sshd({ machine, scenario }) {
  await prepare(machine)
  /** Returns the arguments of ssh for a command of a user. */
  const ssh = (user, how, command) => [
    '-q',
    '-o',
    'StrictHostKeyChecking=accept-new',
    how,
    `${user}@127.0.0.1`,
    command,
  ]

  for (const [name, how] of Object.entries(HOW)) {
    await scenario(`README's app.js with ${name}, ${ROUNDS} times`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const { code, stdout, stderr } = await machine.run('ssh', ssh('root', how, START))
        assert.equal(code, 0, stdout + stderr)
        const pid = await checkDaemon(machine)
        await machine.output('kill', [pid])
        await until(() => !machine.isAlive(pid), 'the daemon has ended')
        machine.remove(PID_FILE)
      }
    })
  }

  for (const [name, how] of Object.entries({ 'a terminal': '-tt', 'no terminal': '-T' })) {
    await scenario(`the connection is cut, with ${name}, ${2 * ROUNDS} times: a whole daemon or none`, async () => {
      for (let round = 0; round < 2 * ROUNDS; round++) {
        machine.start('ssh', ssh('root', how, 'cd /srv/app && exec node daemon.js'))
        await until(() => machine.pidsOf(/^node daemon\.js/).length > 0, 'the session has begun')
        // Cut at a later point of the start in each round: a whole start takes about 200 ms.
        await pass(round * 10)
        const clients = machine.pidsOf(/^ssh /)
        if (clients.length > 0) await machine.run('kill', ['-KILL', ...clients])
        await until(() => machine.pidsOf(/^(ssh |sshd: root)/).length === 0, 'the session has ended')
        await until(async () => {
          const pids = machine.pidsOf(/node .*daemon\.js/)
          if (pids.length === 0) return true
          return pids.length === 1 && (await machine.answer()) === `Hello from ${machine.pidIn(PID_FILE)}`
        }, 'there is a whole daemon or none')
        if (machine.pidsOf(/node .*daemon\.js/).length > 0) await endDaemon(machine, await checkDaemon(machine))
        // The file of a daemon that SIGHUP has ended remains, without a lock.
        else machine.remove(PID_FILE)
      }
    })
  }

  await scenario(
    'KillUserProcesses=yes: a daemon of the session ends with it, one of the user manager stays',
    async () => {
      const configuration = '/etc/systemd/logind.conf.d/kill.conf'
      machine.write(configuration, '[Login]\nKillUserProcesses=yes\n')
      try {
        await machine.output('systemctl', ['restart', 'systemd-logind'])
        const [linger, start] = printed('docs/guides/systemd.md', 'linger.sh').trim().split('\n')
        await machine.sh(linger.replace('sudo ', '').replace('$USER', 'user'))
        await until(
          async () => (await machine.run('systemctl', ['is-active', 'user@1000'])).code === 0,
          'the user manager runs',
        )

        const environment = 'export DIRECTORY=$HOME'
        const pidFile = (await machine.sh('echo ~user/app.pid')).trim()
        await machine.output('ssh', ssh('user', '-tt', `${environment}; node app.js`))
        const ended = machine.pidIn(pidFile)
        await until(() => !machine.isAlive(ended), 'the daemon of the session has ended')
        machine.remove(pidFile)

        await machine.output(
          'ssh',
          ssh('user', '-tt', start.replace('--user', '--user --quiet --setenv=DIRECTORY="$HOME"')),
        )
        await until(
          async () => (await machine.output('loginctl', ['--no-legend', 'list-sessions'])) === '',
          'the session has ended',
        )
        await endDaemon(machine, await checkDaemon(machine, pidFile), pidFile)
      } finally {
        await machine.run('loginctl', ['disable-linger', 'user'])
        machine.remove(configuration)
        await machine.output('systemctl', ['restart', 'systemd-logind'])
      }
    },
  )
}

/** Makes a key of root that lets root and user in, and puts a program into the home of the user. */
async function prepare(machine) {
  await machine.sh(`
    mkdir -p ~root/.ssh ~user/.ssh ~user/node_modules
    [ -e ~root/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f ~root/.ssh/id_ed25519
    cp ~root/.ssh/id_ed25519.pub ~root/.ssh/authorized_keys
    cp ~root/.ssh/id_ed25519.pub ~user/.ssh/authorized_keys
    cp /srv/app/daemon.js ~user/app.js
    cp -r /srv/app/node_modules/procnative ~user/node_modules/
    chown -R user: ~user
    systemctl start ssh`)
}
