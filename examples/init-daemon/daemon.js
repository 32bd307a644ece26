'use strict'

// node examples/init-daemon/daemon.js FILE [TERMINAL]: becomes a daemon and writes its pid to FILE. Runs until SIGTERM.

const fs = require('node:fs')
const path = require('node:path')
const { daemonize } = require('procnative')

const [file, terminal] = process.argv.slice(2)
// Resolved before the working directory changes. The code above daemonize() runs in the launcher and in the daemon.
const created = path.resolve(file)

// All steps of init_daemon(): two forks with setsid(2) between them, chdir(2), umask(2), and the closing of all descriptors.
// Afterwards 0, 1 and 2 are /dev/null. If they were closed, the next opened files would get these numbers, and the output of
// the program would go into them.
daemonize({ cwd: '/tmp', umask: 0 })

// From here on this is the daemon. With umask 0, all users may write to this file, unless the program sets a mode.
fs.writeFileSync(created, `${process.pid}\n`)

// Node opens files without O_NOCTTY. A session leader without a terminal would get this one as its controlling terminal, if
// the terminal belongs to no session yet. Then Ctrl-C would end the daemon. The daemon is no session leader, because of the
// second fork.
if (terminal) fs.closeSync(fs.openSync(terminal, 'r+'))

// A real daemon would listen here.
setInterval(() => {}, 60_000)
