'use strict'

// node examples/init-daemon/daemon.js FILE [TERMINAL]: becomes a daemon, and writes its pid to FILE. It stays until SIGTERM.

const fs = require('node:fs')
const path = require('node:path')
const { daemonize } = require('procnative')

const [file, terminal] = process.argv.slice(2)
// Before the working directory is another one. What stands above daemonize() runs in the launcher and in the daemon.
const created = path.resolve(file)

// The whole of init_daemon(): two forks with setsid(2) between them, chdir(2), umask(2), and the closing of all
// descriptors. 0, 1 and 2 are /dev/null afterwards, not closed: else the next file to be opened would be 1, and whatever
// is printed would end up in it.
daemonize({ cwd: '/tmp', umask: 0 })

// From here on this is the daemon. Nothing is masked: everybody may write to this file, unless the program says otherwise.
fs.writeFileSync(created, `${process.pid}\n`)

// Node opens without O_NOCTTY. The leader of a session that has no terminal would get this one as its own, if it is
// nobody's yet, and Ctrl-C along with it. The second fork is there so that this process is not that leader.
if (terminal) fs.closeSync(fs.openSync(terminal, 'r+'))

// Here a real daemon would listen.
setInterval(() => {}, 60_000)
