'use strict'

// The settings, from environment variables, and their defaults.

const os = require('node:os')
const path = require('node:path')

const { env } = process
// Absolute, because a daemon works in /. In the home directory, because in /tmp another user could make the directory first.
const directory = path.resolve(env.DIRECTORY ?? path.join(os.homedir(), '.procnative-supervisor'))

/** @param {string} name @param {number} otherwise @param {number} [least] */
function number(name, otherwise, least = 0) {
  const value = Number(env[name] ?? otherwise)
  if (!Number.isInteger(value) || value < least) throw new Error(`${name} must be a number, and at least ${least}`)
  return value
}

module.exports = {
  /** The directory of the log, the pid file and the control socket. */
  directory,
  log: path.join(directory, 'log'),
  pidFile: path.join(directory, 'pid'),
  control: path.join(directory, 'control'),
  /** The address to listen on. */
  host: env.HOST ?? '127.0.0.1',
  port: number('PORT', 8080),
  /** The number of workers. */
  workers: number('WORKERS', os.availableParallelism(), 1),
  /** The app: a module with handle() and job(). */
  app: path.resolve(env.APP ?? path.join(__dirname, 'app.js')),
  /** The time limit of a worker's start, in ms. */
  patience: number('PATIENCE', 20_000),
  /** The allowed crashes of a worker in a minute. */
  crashes: number('CRASHES', 10),
  /** The interval between jobs, in ms. */
  jobEvery: number('JOB_EVERY', 60_000, 1),
  /** The time limit of a leaving worker for its open answers, in ms. */
  grace: number('GRACE', 10_000),
}
