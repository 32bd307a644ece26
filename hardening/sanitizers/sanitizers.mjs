// Runs the native half under sanitizers and valgrind: `npm run test:sanitizers [-- address|thread|addon|spawns]`. Prints a line
// for each step, or a clear message if the machine lacks what the step needs. The output is in target/sanitizers/*.log.

import fs from 'node:fs'
import path from 'node:path'
import { specs } from '../../scripts/specs.js'
import { EXPLAINED, LEFT_OUT } from './explained.mjs'
import { logged, Missing, needsProgram, sanitized, withAddon, work } from './toolchain.mjs'

const CHILDREN = 'reactor::tests::a_thousand_children_of_four_threads_end_as_they_are_told_to'
/** Valgrind replaces the clone by a fork, so that the failure of a child does not reach its parent. */
const NEEDS_SHARED_MEMORY = 'reactor::tests::a_child_that_cannot_begin_says_why'

/** Each step returns its result, and throws if there is a report. */
const STEPS = {
  address() {
    return rustTests(sanitized('address', 'address', ['test']))
  },
  thread() {
    // Children end by _exit(2), where the runtime would wait a second for reports of other threads.
    return rustTests(sanitized('thread', 'thread', ['test', '--lib'], [], { TSAN_OPTIONS: 'atexit_sleep_ms=0' }))
  },
  addon() {
    return withAddon((tree, library) => {
      const chosen = specs().filter((spec) => !Object.hasOwn(LEFT_OUT, path.relative('__test__', spec)))
      return suite(tree, library, chosen, [
        // V8 does not free its memory at the end.
        'detect_leaks=0',
        // Some tests limit the memory.
        'quarantine_size_mb=16',
        // Some tests send these signals, and check the core.
        'handle_segv=0',
        'handle_sigbus=0',
        'handle_sigfpe=0',
        'disable_coredump=0',
      ])
    })
  },
  spawns() {
    needsProgram('valgrind')
    const built = logged('spawns-build', 'cargo', ['test', '--locked', '--lib', '--no-run', '--message-format=json'])
    const binary = built.text.match(/"executable":"([^"]+)"/)?.[1]
    if (!built.isWell || !binary) throw new Error(`the tests could not be built: ${built.log}`)
    const options = ['--leak-check=full', '--errors-for-leak-kinds=definite', '--error-exitcode=99', '--track-fds=yes']
    const watched = (name, args, env) => {
      const run = logged(name, 'valgrind', [...options, binary, ...args], { env: { ...process.env, ...env } })
      const left = run.text.match(/Open (file descriptor|AF_\w+ socket) .*\n(?!.*<inherited from parent>)/g)
      if (left) throw new Error(`descriptors are left open: ${run.log}`)
      return rustTests(run)
    }
    const children = watched('spawns', ['--exact', CHILDREN])
    const others = ['--skip', CHILDREN, '--skip', NEEDS_SHARED_MEMORY]
    return `1000 children: ${children}; all else: ${watched('valgrind', others, { PROPTEST_CASES: '16' })}`
  },
}

function rustTests({ log, isWell, text }) {
  const counts = [...text.matchAll(/^test result: ok\. (\d+) passed/gm)].map(([, count]) => Number(count))
  const passed = counts.reduce((sum, count) => sum + count, 0)
  if (!isWell || passed === 0) throw new Error(`see ${log}`)
  return `${passed} Rust tests, no report`
}

/** Runs specs in `tree`. Reports go to files, because some processes have no standard error. */
function suite(tree, library, specs, options) {
  const reports = path.join(tree, 'reports')
  fs.mkdirSync(reports)
  // Processes of other users write there, too.
  fs.chmodSync(reports, 0o777)
  const ASAN_OPTIONS = [...options, `log_path=${path.join(reports, 'report')}`].join(':')
  const { log, text } = logged('addon', process.execPath, ['--test', '--test-reporter=tap', ...specs], {
    cwd: tree,
    env: { ...process.env, LD_PRELOAD: library, ASAN_OPTIONS },
  })
  const count = fs.readdirSync(reports).length
  if (count > 0) {
    const kept = path.join(work, 'addon-reports')
    fs.rmSync(kept, { recursive: true, force: true })
    fs.cpSync(reports, kept, { recursive: true })
    throw new Error(`${count} reports in ${kept}`)
  }
  const failed = [...text.matchAll(/^not ok \d+ - (.*)$/gm)].map(([, title]) => title)
  const unexplained = failed.filter((title) => !Object.hasOwn(EXPLAINED, title))
  if (unexplained.length > 0) throw new Error(`${unexplained.join('; ')}: see ${log}`)
  const passed = Number(text.match(/^# pass (\d+)$/m)?.[1])
  if (!(passed > 0)) throw new Error(`see ${log}`)
  return `${passed} tests pass, ${failed.length} can't (${path.basename(log)}), no report`
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !Object.hasOwn(STEPS, name))
if (unknown.length > 0) throw new Error(`no such step: ${unknown}`)
for (const name of wanted.length > 0 ? wanted : Object.keys(STEPS)) {
  try {
    console.log(`✔ ${name}: ${STEPS[name]()}`)
  } catch (error) {
    if (error instanceof Missing) {
      console.log(`SKIPPED, NOT SHOWN HERE: ${name}: ${error.message}`)
    } else {
      console.log(`✖ ${name}: ${error.message}`)
      process.exitCode = 1
    }
  }
}
