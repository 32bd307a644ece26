'use strict'

const path = require('node:path')
const { checkDirectory } = require('../process/command-checks.js')
const { checkSendable } = require('../descriptor/sendable.js')
const validate = require('../core/validate.js')

const CHECKS = {
  cwd: checkDirectory,
  umask: validate.fileMode,
  stdout: validate.output,
  stderr: validate.output,
  pidFile: validate.string,
  user: validate.credential,
  group: validate.credential,
  keep: validate.arrayOf(checkSendable),
  ready: validate.oneOf('auto', 'manual'),
  readyTimeout: validate.milliseconds,
  foreground: validate.boolean,
}

const DEFAULTS = {
  cwd: '/',
  umask: 0o022,
  stdout: 'ignore',
  keep: [],
  ready: 'auto',
  readyTimeout: 30_000,
  foreground: false,
}

// Checks the options of daemonize(). Returns them with the defaults for absent ones.
function checkDaemonOptions(given) {
  const checked = validate.options(given, 'options', CHECKS)
  const options = { __proto__: null, ...DEFAULTS, stderr: checked.stdout ?? DEFAULTS.stdout, ...checked }
  if (options.pidFile !== undefined) options.pidFile = path.resolve(options.pidFile)
  return options
}

module.exports = { checkDaemonOptions }
