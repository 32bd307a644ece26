// Tests that can't pass with an addon that needs a preloaded runtime, each with the reason. Excuses no sanitizer report.

const CLEANED = 'the environment that it gives has no LD_PRELOAD, and so the runtime is not there that the addon needs'

/** Reasons by title. */
export const EXPLAINED = {
  'daemonize(): makes one daemon, environment cleaned before loading procnative': CLEANED,
  'daemonize(): makes one daemon, environment cleaned after loading procnative': CLEANED,
  'fork(): passes its `env` to the child, with a new channel': CLEANED,
  'daemonize(): the daemon dies with its launcher, node with a capability':
    'a program with capabilities is run without LD_PRELOAD',
  'wait(): 5000 children that end in a burst have the right statuses':
    'it has a limit of memory, of which the runtime has its part',
}

/** Reasons by file, for specs whose other programs can't run with a preloaded runtime. */
export const LEFT_OUT = {
  'package/docs-blocks.spec.mjs': 'curl comes to a standstill in setlocale(3)',
  'package/faults-smoke.spec.mjs': 'it has a library of its own to preload',
}
