'use strict'

// What can be set, and what it is if it isn't.

const os = require('node:os')
const path = require('node:path')

const { env } = process
// A daemon's directory is the root: what is relative here would be somewhere else there.
const directory = path.resolve(env.DIRECTORY ?? path.join(os.tmpdir(), 'procnative-supervisor'))

module.exports = {
  /** Where the log, the pid file and the control socket are. */
  directory,
  log: path.join(directory, 'log'),
  pidFile: path.join(directory, 'pid'),
  control: path.join(directory, 'control'),
  /** Where it listens. */
  host: env.HOST ?? '127.0.0.1',
  port: Number(env.PORT ?? 8080),
  /** How many workers. */
  workers: Number(env.WORKERS ?? os.availableParallelism()),
  /** What is served: a module with handle() and job(). */
  app: path.resolve(env.APP ?? path.join(__dirname, 'app.js')),
  /** How often a worker may crash within a minute. */
  crashes: Number(env.CRASHES ?? 10),
  /** How often the job is done, in milliseconds. */
  jobEvery: Number(env.JOB_EVERY ?? 60_000),
  /** How long a worker may take to answer whom it serves when it is to leave, in milliseconds. */
  grace: Number(env.GRACE ?? 10_000),
}
