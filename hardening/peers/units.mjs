// Units of systemd in the booted machine.

import assert from 'node:assert/strict'
import { until } from '../../__test__/helpers/until.mjs'
import { printed } from './guide.mjs'

/** A setting without a start limit: scenarios restart services more often than systemd allows. */
const NO_START_LIMIT = '[Unit]\nStartLimitIntervalSec=0\n'

/** How long a stop may take. */
const STOP_MS = 5000

/** The service manager of a machine, or of its user. */
export class Manager {
  static system(machine) {
    return new Manager(machine, { directory: '/run/systemd/system', byUnit: '--unit', prefix: [] })
  }

  /** Returns the manager of the user with this number; it must be running. */
  static user(machine, uid) {
    const runtime = `/run/user/${uid}`
    const prefix = [
      'setpriv',
      `--reuid=${uid}`,
      `--regid=${uid}`,
      '--clear-groups',
      'env',
      `XDG_RUNTIME_DIR=${runtime}`,
    ]
    return new Manager(machine, {
      directory: `${runtime}/systemd/user`,
      byUnit: '--user-unit',
      prefix,
      option: '--user',
    })
  }

  constructor(machine, { directory, byUnit, prefix, option = '--system' }) {
    Object.assign(this, { machine, directory, byUnit })
    this.command = [...prefix, 'systemctl', option]
  }

  /** Runs systemctl, which must end with 0; returns its output. */
  systemctl(...args) {
    const [program, ...before] = this.command
    return this.machine.output(program, [...before, ...args])
  }

  /** Returns lines of the journal, selected by the arguments. */
  async journal(...which) {
    await this.machine.output('journalctl', ['--sync'])
    return this.machine.output('journalctl', ['--no-pager', '--output=cat', ...which])
  }

  /** Returns the last lines that some units have logged since `began`, in ms. */
  lastOf(names, began) {
    return this.journal(
      '--lines=12',
      `--since=@${Math.floor(began / 1000)}`,
      ...names.map((name) => `${this.byUnit}=${name}`),
    )
  }

  /** Adds settings to a unit. */
  async change(name, settings) {
    this.write(`${name}.d/scenario.conf`, settings)
    await this.systemctl('daemon-reload')
  }

  write(name, text) {
    this.machine.write(`${this.directory}/${name}`, text)
  }

  remove(name) {
    for (const file of [name, `${name}.d`]) this.machine.remove(`${this.directory}/${file}`)
  }
}

/** Returns the text of a unit of the systemd guide, as printed. */
const unit = (name) => printed('docs/guides/systemd.md', name)

/** The pid file of the services that run as root. */
export const PID_FILE = '/run/app.pid'

/** Returns the text of a service that runs a program of this directory and is reloaded by SIGHUP. */
export const service = (type, command, settings = '') => `[Service]
Type=${type}
ExecStart=/usr/bin/node /srv/app/${command}
ExecReload=/bin/kill -HUP $MAINPID
${settings}
`

/** Scenarios with units of a machine. A scenario's `body` gets the first unit, as a service. */
export class Services {
  constructor(machine, scenario) {
    Object.assign(this, { machine, scenario, manager: Manager.system(machine) })
  }

  /** A scenario with units of the guide. */
  printed = (title, names, body) => this.own(title, Object.fromEntries(names.map((name) => [name, unit(name)])), body)

  /** Runs a scenario with the text of app.service, or with the texts of several units by name. */
  own = (title, texts, body, manager = this.manager) => {
    const units = typeof texts === 'string' ? { 'app.service': texts } : texts
    return this.scenario(title, () =>
      withUnits(manager, units, () => body(new Service(manager, Object.keys(units)[0]))),
    )
  }
}

/** Runs `body` with units that exist only meanwhile; `texts` has their texts by name. */
async function withUnits(manager, texts, body) {
  const began = Date.now()
  const names = Object.keys(texts)
  for (const name of names) {
    manager.write(name, texts[name])
    manager.write(`${name}.d/limit.conf`, NO_START_LIMIT)
  }
  await manager.systemctl('daemon-reload')
  try {
    await body()
  } catch (error) {
    error.stack += `\nJournal:\n${await manager.lastOf(names, began)}`
    throw error
  } finally {
    await manager.systemctl('stop', ...names.toSorted(socketsFirst))
    await manager.systemctl('reset-failed')
    for (const name of names) manager.remove(name)
    await manager.systemctl('daemon-reload')
  }
}

/** Sorts sockets first, to stop them first: a request to a socket would start its service again. */
const socketsFirst = (one, other) => Number(other.endsWith('.socket')) - Number(one.endsWith('.socket'))

/** A service by its name. */
class Service {
  constructor(manager, name) {
    Object.assign(this, { manager, machine: manager.machine, name })
  }

  systemctl(command) {
    return this.manager.systemctl(command, this.name)
  }

  /** Properties of the unit, as systemd has them now. */
  async show(...names) {
    const text = await this.manager.systemctl('show', `--property=${names}`, this.name)
    return Object.fromEntries(
      text
        .trim()
        .split('\n')
        .map((one) => one.split(/=(.*)/s, 2)),
    )
  }

  async mainPid() {
    return Number((await this.show('MainPID')).MainPID)
  }

  /** Checks that the service runs and that its main process answers; returns the pid of the main process. */
  async serves() {
    const { MainPID, SubState } = await this.show('MainPID', 'SubState')
    assert.equal(SubState, 'running')
    assert.equal(await this.machine.answer(), `Hello from ${MainPID}`)
    return Number(MainPID)
  }

  /** Returns what the service has logged since its last start. */
  async journal() {
    const { InvocationID } = await this.show('InvocationID')
    return this.manager.journal(`_SYSTEMD_INVOCATION_ID=${InvocationID}`)
  }

  /** Starts the service; returns the pid of its main process, which answers. */
  async start() {
    await this.systemctl('start')
    return this.serves()
  }

  /** Checks that the pid file of a service of root names the main process. */
  async hasPidFile() {
    assert.equal(this.machine.pidIn(PID_FILE), await this.mainPid())
  }

  /** Waits until systemd shows that status of the service. */
  tells(status) {
    return until(async () => (await this.show('StatusText')).StatusText === status, `the status is ${status}`, 3000)
  }

  /** Stops the service, which must end by itself and leave no process and no pid file. */
  async stop() {
    const began = performance.now()
    await this.systemctl('stop')
    const tookMs = performance.now() - began
    const { Result, MainPID } = await this.show('Result', 'MainPID')
    assert.deepEqual({ Result, MainPID }, { Result: 'success', MainPID: '0' })
    assert.ok(tookMs < STOP_MS, `the stop took ${tookMs} ms`)
    assert.ok(!this.machine.exists(PID_FILE), `${PID_FILE} is left`)
  }

  /** Reloads the service. Waits until its successor is the main process and the predecessor has ended. */
  async reload() {
    const before = await this.mainPid()
    await this.systemctl('reload')
    await until(async () => {
      const after = await this.mainPid()
      return after !== 0 && after !== before && !this.machine.isAlive(before)
    }, 'the successor is the main process')
  }
}
