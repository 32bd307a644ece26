// Units of systemd in the booted machine.

import assert from 'node:assert/strict'
import { printed } from './guide.mjs'
import { until } from './until.mjs'

const DIRECTORY = '/run/systemd/system'
/** Scenarios restart services more often than systemd lets them. */
const NO_START_LIMIT = '[Unit]\nStartLimitIntervalSec=0\n'

/** The text of a unit of the systemd guide, as it is printed. */
export const unit = (name) => printed('docs/guides/systemd.md', name)

/** Runs `body` with units that are there for that time; `texts` has their texts by their names. */
export async function withUnits(machine, texts, body) {
  const names = Object.keys(texts)
  for (const name of names) {
    machine.write(`${DIRECTORY}/${name}`, texts[name])
    addTo(machine, name, NO_START_LIMIT, 'limit')
  }
  await machine.output('systemctl', ['daemon-reload'])
  try {
    await body()
  } catch (error) {
    const units = names.map((name) => `--unit=${name}`)
    const { stdout } = await machine.run('journalctl', [...units, '--no-pager', '--output=cat', '--lines=12'])
    error.stack += `\nJournal:\n${stdout}`
    throw error
  } finally {
    await machine.run('systemctl', ['stop', ...names.toSorted(socketsFirst)])
    await machine.run('systemctl', ['reset-failed'])
    for (const name of names) for (const path of [name, `${name}.d`]) machine.remove(`${DIRECTORY}/${path}`)
    await machine.output('systemctl', ['daemon-reload'])
  }
}

/** A service that is stopped before its socket is started again. */
const socketsFirst = (one, other) => Number(other.endsWith('.socket')) - Number(one.endsWith('.socket'))

/** Adds settings to a unit; `systemctl daemon-reload` is the caller's. */
export function addTo(machine, name, settings, file = 'scenario') {
  machine.write(`${DIRECTORY}/${name}.d/${file}.conf`, settings)
}

/** A service by its name. */
export class Service {
  constructor(machine, name, port = 8080) {
    Object.assign(this, { machine, name, port })
  }

  systemctl(command) {
    return this.machine.output('systemctl', [command, this.name])
  }

  /** Properties of the unit, as systemd has them now. */
  async show(...names) {
    const text = await this.machine.output('systemctl', ['show', `--property=${names}`, this.name])
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

  /** Checks that the service runs and that its main process answers; returns the pid of that. */
  async serves() {
    const { MainPID, SubState } = await this.show('MainPID', 'SubState')
    assert.equal(SubState, 'running')
    assert.equal(await this.machine.answer(this.port), `Hello from ${MainPID}`)
    return Number(MainPID)
  }

  /** What the service has said since it was started the last time. */
  async journal() {
    const { InvocationID } = await this.show('InvocationID')
    const which = `_SYSTEMD_INVOCATION_ID=${InvocationID}`
    return this.machine.output('journalctl', ['--sync', '--no-pager', '--output=cat', which])
  }

  /** Starts the service; returns the pid of its main process, which answers. */
  async start() {
    await this.systemctl('start')
    return this.serves()
  }

  /** Stops the service, which has to end by itself and to leave no process. */
  async stop(limitMs = 5000) {
    const began = performance.now()
    await this.systemctl('stop')
    const tookMs = performance.now() - began
    const { Result, MainPID } = await this.show('Result', 'MainPID')
    assert.deepEqual({ Result, MainPID }, { Result: 'success', MainPID: '0' })
    assert.ok(tookMs < limitMs, `the stop took ${tookMs} ms`)
  }

  /** Reloads the service, and waits until its successor is the main process and the predecessor has ended. */
  async reload() {
    const before = await this.mainPid()
    await this.systemctl('reload')
    await until('the successor is the main process', async () => {
      const after = await this.mainPid()
      return after !== 0 && after !== before && !this.machine.isAlive(before)
    })
  }
}
