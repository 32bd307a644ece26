// logrotate with the stanza of README, against a daemon that constantly logs numbered lines.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { until } from '../../__test__/helpers/until.mjs'
import { printed } from './guide.mjs'

const STANZA = '/etc/logrotate.d/app'
const LOGS = ['app.log', 'app.err']
/** Number of old logs that the stanza keeps. */
const ROTATIONS = 8

const printedStanza = () => printed('README.md', 'logrotate.conf')

/** Returns the stanza with its matches of a pattern replaced; there must be one. */
function changedStanza(pattern, replacement) {
  assert.match(printedStanza(), pattern)
  return printedStanza().replace(pattern, replacement)
}

const withLine = (line) => changedStanza(/^ {2}create$/m, `  ${line}`)

export async function logrotate({ machine, scenario }) {
  const log = (name) => `/var/log/${name}`
  const has = (name) => machine.exists(log(name)) && machine.read(log(name)) !== ''

  /** Starts the daemon, rotates its logs `rotations` times, ends it, and removes all files. Calls `check` before the end. */
  const rotates = (title, { stanza, options = {}, rotations = ROTATIONS, isReopened = true, check }) =>
    scenario(title, async () => {
      machine.write(STANZA, stanza, { mode: 0o644 })
      await machine.output('env', [`OPTIONS=${JSON.stringify(options)}`, 'node', 'lines.js'])
      const pid = machine.pidIn('/run/app.pid')
      try {
        for (let round = 0; round < rotations; round++) {
          await until(() => LOGS.every(has), 'the logs have lines')
          await machine.output('logrotate', ['--force', STANZA])
          if (isReopened) await until(() => LOGS.every(has), 'the new logs have lines')
          assert.ok(machine.isAlive(pid), `the daemon has ended after ${round + 1} rotations`)
        }
        await check?.(pid)
      } finally {
        await machine.run('kill', [pid])
        await until(() => !machine.isAlive(pid), 'the daemon has ended')
        // Only root can remove it there.
        if (options.user) machine.remove('/run/app.pid')
      }
      for (const name of LOGS) assertWhole(machine, name)
    })
  const clean = () => {
    for (const name of fs.readdirSync(machine.path('/var/log'))) if (/^app\./.test(name)) machine.remove(log(name))
    machine.remove(STANZA)
  }

  for (const line of ['create', 'nocreate', 'create 0640 root adm']) {
    await rotates(`${line}, compress, delaycompress: ${ROTATIONS} rotations lose no line`, { stanza: withLine(line) })
    clean()
  }
  await rotates('create, without compression: no line is lost', {
    stanza: changedStanza(/^.*compress\n/gm, ''),
  })
  clean()

  const user = { user: 'nobody' }
  await rotates("`user`, create: the daemon goes on in new logs of that user's", {
    stanza: printedStanza(),
    options: user,
  })
  clean()
  const refused = { options: user, rotations: 1, isReopened: false, check: () => saysSo(machine) }
  await rotates('`user`, create with another owner: the daemon goes on in the old logs and says so', {
    stanza: withLine('create 0600 root root'),
    ...refused,
  })
  clean()
  await rotates("`user`, nocreate in a directory of root's: the daemon goes on in the old logs and says so", {
    stanza: withLine('nocreate'),
    ...refused,
  })
  clean()
}

const saysSo = (machine) =>
  until(() => {
    const text = machine.read('/var/log/app.err.1')
    return text.includes('EACCES') && /line \d+\n$/.test(text.slice(text.indexOf('EACCES')))
  }, 'the old logs go on and have the reason')

/** Checks that the files of a log have each line exactly once. */
function assertWhole(machine, name) {
  const directory = machine.path('/var/log')
  const files = fs.readdirSync(directory).filter((file) => file.startsWith(name))
  const texts = files.map((file) => {
    const bytes = fs.readFileSync(path.join(directory, file))
    return String(file.endsWith('.gz') ? gunzipSync(bytes) : bytes)
  })
  const numbers = [...texts.join('').matchAll(/^line (\d+)$/gm)].map(([, number]) => Number(number))
  numbers.sort((one, other) => one - other)
  const wrong = numbers.findIndex((number, index) => number !== index)
  assert.equal(wrong, -1, `${name}: line ${wrong} is missing, or is there twice`)
  assert.ok(numbers.length > 0, `${name} has no lines`)
}
