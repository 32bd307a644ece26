// A Debian tree, booted by systemd-nspawn with systemd as PID 1, and the actions of scenarios in it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { until } from '../../__test__/helpers/until.mjs'
import { Missing } from './missing.mjs'
import { output, run } from './run.mjs'

const ENVIRONMENT = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'TERM=dumb']
const NAMESPACES = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup']

export class Machine {
  #nspawn
  #init

  static async boot(tree) {
    const machine = new Machine()
    await machine.#boot(tree)
    return machine
  }

  async #boot(tree) {
    const options = ['--register=no', '--keep-unit', '--private-network', '--console=pipe', '--machine=peers']
    this.#nspawn = spawn(
      'systemd-nspawn',
      ['--quiet', '-D', tree, ...options, '--boot', 'systemd.log_target=journal'],
      {
        stdio: ['ignore', fs.openSync(`${tree}.console`, 'w'), 'inherit'],
      },
    )
    await until(() => {
      if (this.#nspawn.exitCode !== null) throw new Missing("systemd-nspawn can't boot a tree here: above is why")
      this.#init = childrenOf(this.#nspawn.pid).find((pid) => namedBy(pid) === 'systemd')
      return this.#init !== undefined
    }, 'the machine has a PID 1')
    await until(async () => {
      const { stdout } = await this.run('systemctl', ['is-system-running', '--wait'])
      return /running|degraded/.test(stdout)
    }, 'the machine is up')
  }

  async powerOff() {
    const exit = once(this.#nspawn, 'exit')
    await this.run('systemctl', ['poweroff'])
    await exit
  }

  /** Returns the command that runs another command in the machine. */
  command(program, args, environment = []) {
    const enter = ['--target', this.#init, ...NAMESPACES]
    return [
      'nsenter',
      [...enter, 'env', '-i', '--chdir=/srv/app', ...ENVIRONMENT, ...environment, program, ...args].map(String),
    ]
  }

  /** Runs a program in the machine, in /srv/app; returns its code and output. */
  run(program, args, options) {
    return run(...this.command(program, args), options)
  }

  /** Runs a program that must end with 0; returns its output. */
  output(program, args, options) {
    return output(...this.command(program, args), options)
  }

  sh(script, options) {
    return this.output('sh', ['-ec', script], options)
  }

  /** Starts a program in the machine, with pipes. */
  start(program, args) {
    const child = spawn(...this.command(program, args), { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdout.setEncoding('utf8')
    return child
  }

  /** Returns the path of a file of the machine, from outside. No part of the path may be a symbolic link. */
  path(file) {
    return path.join(`/proc/${this.#init}/root`, file)
  }

  exists(file) {
    return fs.existsSync(this.path(file))
  }

  read(file) {
    return fs.readFileSync(this.path(file), 'utf8')
  }

  write(file, text, options) {
    fs.mkdirSync(path.dirname(this.path(file)), { recursive: true })
    fs.writeFileSync(this.path(file), text, options)
  }

  remove(file) {
    fs.rmSync(this.path(file), { recursive: true, force: true })
  }

  /** Returns the number in a pid file; NaN if there is none. */
  pidIn(file) {
    return this.exists(file) ? Number(this.read(file)) : Number.NaN
  }

  isAlive(pid) {
    try {
      return !/^State:\s+Z/m.test(this.read(`/proc/${pid}/status`))
    } catch (error) {
      // The process ended before the file was opened, or while it was read.
      if (['ENOENT', 'ESRCH'].includes(error.code)) return false
      throw error
    }
  }

  /** Returns the parent, session and terminal of a process, by stat(5). */
  statOf(pid) {
    const [, ppid, , session, tty] = this.read(`/proc/${pid}/stat`).split(') ')[1].split(' ').map(Number)
    return { ppid, session, tty }
  }

  /** Returns the files that the descriptors of a process lead to. */
  openIn(pid) {
    const directory = this.path(`/proc/${pid}/fd`)
    return fs.readdirSync(directory).flatMap((fd) => {
      try {
        return [fs.readlinkSync(path.join(directory, fd))]
      } catch {
        return [] // it was closed meanwhile
      }
    })
  }

  /** Returns the pids of the machine whose command line matches. */
  pidsOf(pattern) {
    const pids = fs.readdirSync(this.path('/proc')).filter((name) => /^\d+$/.test(name))
    return pids.map(Number).filter((pid) => pattern.test(this.#commandOf(pid)))
  }

  #commandOf(pid) {
    try {
      return this.read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
    } catch {
      return '' // it has ended meanwhile
    }
  }

  /** Returns the answer of a server of the machine. */
  async answer(port = 8080) {
    const { stdout } = await this.run('curl', ['--silent', '--max-time', 10, `http://127.0.0.1:${port}/`])
    return stdout.trim()
  }

  /** Ends and returns what a scenario has left: programs of Node.js, and the files that they have written. */
  async clean() {
    const isNode = /(^|\/)node /
    const left = []
    for (const pid of this.pidsOf(isNode)) {
      left.push(`${pid} ${this.#commandOf(pid)}`)
      await this.run('kill', ['-KILL', pid])
    }
    await until(() => this.pidsOf(isNode).length === 0, 'the programs that were left have ended')
    for (const file of FILES) {
      if (!this.exists(file)) continue
      left.push(file)
      this.remove(file)
    }
    for (const file of LOGS) this.remove(file)
    return left
  }
}

const FILES = ['/run/app.pid']
const LOGS = ['/var/log/app.log']

const childrenOf = (pid) => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)

function namedBy(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return undefined // it has ended meanwhile
  }
}
