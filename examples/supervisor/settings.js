'use strict'

// What can be set, and what it is if it isn't.

const os = require('node:os')
const path = require('node:path')

const { env } = process
// A daemon's directory is the root: what is relative here would be somewhere else there. In a directory for everybody's
// files, somebody else could be there first.
const directory = path.resolve(env.DIRECTORY ?? path.join(os.homedir(), '.procnative-supervisor'))

/** @param {string} name @param {number} otherwise @param {number} [least] */
function number(name, otherwise, least = 0) {
  const value = Number(env[name] ?? otherwise)
  if (!Number.isInteger(value) || value < least) throw new Error(`${name} must be a number, and at least ${least}`)
  return value
}

module.exports = {
  /** Where the log, the pid file and the control socket are. */
  directory,
  log: path.join(directory, 'log'),
  pidFile: path.join(directory, 'pid'),
  control: path.join(directory, 'control'),
  /** Where it listens. */
  host: env.HOST ?? '127.0.0.1',
  port: number('PORT', 8080),
  /** How many workers. */
  workers: number('WORKERS', os.availableParallelism(), 1),
  /** What is served: a module with handle() and job(). */
  app: path.resolve(env.APP ?? path.join(__dirname, 'app.js')),
  /** How long a worker may take until it serves, in milliseconds. */
  patience: number('PATIENCE', 20_000),
  /** How often a worker may crash within a minute. */
  crashes: number('CRASHES', 10),
  /** How often the job is done, in milliseconds. */
  jobEvery: number('JOB_EVERY', 60_000, 1),
  /** How long a worker may take to answer whom it serves when it is to leave, in milliseconds. */
  grace: number('GRACE', 10_000),
}
