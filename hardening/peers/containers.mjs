// Containers of podman. All their state is in the directory of a run.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { until } from '../../__test__/helpers/until.mjs'
import { output, run } from './run.mjs'

/** Configures podman without raised resource limits and cgroup controllers, which a virtual machine may lack. */
const CONFIGURATION = `[containers]
default_ulimits = []
pids_limit = 0
[network]
network_config_dir = "/run/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`

/** crun raises RLIMIT_MEMLOCK for the device filter of a cgroup. runc can't make a container without a cgroup. */
const OPTIONS = { crun: ['--cgroups=disabled'], runc: [] }

export class Podman {
  #containers = []

  constructor(scratch) {
    this.scratch = scratch
    const configuration = path.join(scratch, 'containers.conf')
    const temporary = path.join(scratch, 'temporary')
    fs.writeFileSync(configuration, CONFIGURATION)
    fs.mkdirSync(temporary, { recursive: true })
    this.env = { ...process.env, CONTAINERS_CONF: configuration, TMPDIR: temporary, HOME: scratch }
  }

  #args(args) {
    return ['--root', path.join(this.scratch, 'containers'), '--runroot', '/run/podman', ...args].map(String)
  }

  run(...args) {
    return run('podman', this.#args(args), { env: this.env })
  }

  async output(...args) {
    return (await output('podman', this.#args(args), { env: this.env })).trim()
  }

  /** Starts a container with a runtime; returns the container. */
  async start(runtime, options, image, ...command) {
    const args = ['--runtime', runtime, 'run', '--detach', '--network=none', ...OPTIONS[runtime], ...options]
    const container = new Container(this, runtime, await this.output(...args, image, ...command))
    this.#containers.push(container)
    return container
  }

  /** Runs a command to its end in a container of its own. */
  runIn(runtime, options, image, ...command) {
    const args = ['--runtime', runtime, 'run', '--rm', '--network=none', ...OPTIONS[runtime], ...options]
    return this.run(...args, image, ...command)
  }

  /** Removes all containers, the last one first, because it may depend on an earlier one. */
  async clean() {
    for (const { id } of this.#containers.splice(0).reverse()) await this.output('rm', '--force', '--time', 0, id)
    return []
  }
}

class Container {
  constructor(podman, runtime, id) {
    Object.assign(this, { podman, runtime, id })
  }

  exec(...args) {
    return this.podman.output('--runtime', this.runtime, 'exec', ...args)
  }

  async status() {
    const [status, code] = (
      await this.podman.output('inspect', '--format={{.State.Status}} {{.State.ExitCode}}', this.id)
    ).split(' ')
    return { status, code: Number(code) }
  }

  async logs() {
    const { stdout, stderr } = await this.podman.run('logs', this.id)
    return stdout + stderr
  }

  /** Waits until the server of the container answers; returns the answer. */
  async answer() {
    let said
    await until(async () => {
      const { status } = await this.status()
      assert.equal(status, 'running', await this.logs())
      said = await this.podman.run('exec', this.id, 'curl', '--silent', 'http://127.0.0.1:8080/')
      return said.code === 0
    }, 'the server answers')
    return said.stdout.trim()
  }

  async says(word) {
    await until(async () => (await this.logs()).includes(word), `the container says ${word}`)
  }

  /** Stops the container. Its program must end by itself and with 0. */
  async stop() {
    const began = performance.now()
    await this.podman.output('stop', '--time', 10, this.id)
    const tookMs = performance.now() - began
    assert.ok(tookMs < 8000, `the stop took ${tookMs} ms`)
    assert.deepEqual(await this.status(), { status: 'exited', code: 0 }, await this.logs())
  }

  async hasEnded() {
    await until(async () => (await this.status()).status === 'exited', 'the container ends')
    return (await this.status()).code
  }
}
