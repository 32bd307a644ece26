// A process that leads no group: makes the calls of sessions, groups and terminals. Its standard input may be a terminal.

import assert from 'node:assert/strict'
import tty from 'node:tty'
import * as procnative from '../../../index.js'
import { told } from '../told.mjs'

await told(() => {
  assert.equal(procnative.getsid(process.ppid), procnative.getsid(0))
  procnative.setParentDeathSignal('SIGKILL')
  procnative.setParentDeathSignal(null)
  if (tty.isatty(0)) {
    assert.equal(procnative.tcgetsid(0), procnative.getsid())
    assert.notEqual(procnative.controllingTerminal(), null)
    const before = procnative.tcgetpgrp(0)
    procnative.setpgid(0, 0)
    procnative.tcsetpgrp(0, process.pid)
    assert.equal(procnative.tcgetpgrp(0), process.pid)
    procnative.tcsetpgrp(0, before)
    procnative.setpgid(0, before)
  }
  assert.equal(procnative.setsid(), process.pid)
  assert.equal(procnative.getpgid(), process.pid)
  assert.equal(procnative.controllingTerminal(), null)
})
