// What a start costs, at 50 MB, 500 MB and 2 GB of resident memory, and what daemonize() costs against a plain start.
//
//   node benchmark/launch-cost.mjs
//
// The double fork is measured with /bin/true for a program, from the call to its death, beside child_process.spawn() of
// the same, call to return: medians, in alternation. Only ratios mean something.

import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

// Added to the 50 or so that Node has itself.
const SIZES = [0, 450, 2000]
const REPETITIONS = 5
const ROUNDS = 41
const self = fileURLToPath(import.meta.url)
const root = path.dirname(path.dirname(self))

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const milliseconds = (value) => `${value.toFixed(2)} ms`

function time(call) {
  const began = performance.now()
  call()
  return performance.now() - began
}

// A fork leaves its caller slower for a while (its pages are copied as they are written to), so that each of the two is
// measured in processes of its own.
async function measure(kind, megabytes) {
  // Touched, or it would not be resident.
  const hoard = Buffer.alloc(megabytes * 2 ** 20, 1)
  const binding = createRequire(import.meta.url)('../binding.js')
  const orders = {
    ...{ program: '/bin/true', argv: ['true'], environment: [], cwd: '/', umask: 0o022 },
    ...{ listen: [], keep: [], ownPid: [], settings: '{}' },
  }
  const times = []
  for (let round = 0; round < ROUNDS; round++) {
    if (kind === 'doubleFork') times.push(time(() => binding.launch(orders)))
    else {
      let child
      times.push(
        time(() => {
          child = spawn('/bin/true', { stdio: 'ignore' })
        }),
      )
      await new Promise((resolve) => child.on('exit', resolve))
    }
  }
  const resident = process.memoryUsage.rss() / 2 ** 20
  console.log(JSON.stringify({ resident, median: median(times), hoard: hoard.length }))
}

function compareSizes() {
  console.log('| resident | double fork, exec, death | child_process.spawn, the call | ratio |')
  console.log('|---|---|---|---|')
  for (const megabytes of SIZES) {
    const medians = { doubleFork: [], spawn: [] }
    let resident
    for (let repetition = 0; repetition < REPETITIONS; repetition++) {
      for (const kind of Object.keys(medians)) {
        const { stdout } = spawnSync(process.execPath, [self, kind, String(megabytes)], { encoding: 'utf8' })
        const result = JSON.parse(stdout)
        medians[kind].push(result.median)
        resident = result.resident
      }
    }
    const [ours, theirs] = [median(medians.doubleFork), median(medians.spawn)]
    const cells = [`${resident.toFixed(0)} MB`, milliseconds(ours), milliseconds(theirs), (ours / theirs).toFixed(2)]
    console.log(`| ${cells.join(' | ')} |`)
  }
}

// A server that says when it is up, plain or as a daemon: the time from the start of the first process.
function compareStarts() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-bench-'))
  const up = path.join(directory, 'up')
  const serve = `require('node:http').createServer().listen(0, '127.0.0.1', () => {
    require('node:fs').writeFileSync(${JSON.stringify(up)}, process.hrtime.bigint() + ' ' + process.pid)`
  const write = (name, text) => {
    const file = path.join(directory, name)
    fs.writeFileSync(file, text)
    return file
  }
  const plain = write('plain.js', `${serve}; process.exit() })`)
  const daemon = write(
    'daemon.js',
    `const daemon = require(${JSON.stringify(root)}).daemonize({ ready: 'manual' })\n${serve}; daemon.ready(); process.exit() })`,
  )
  const times = { plain: [], up: [], returned: [] }
  for (let round = 0; round < ROUNDS; round++) {
    for (const script of [plain, daemon]) {
      const began = process.hrtime.bigint()
      const { status } = spawnSync(process.execPath, [script])
      const returned = Number(process.hrtime.bigint() - began) / 1e6
      if (status !== 0) throw new Error(`${script} ended with ${status}`)
      const isUp = Number(BigInt(fs.readFileSync(up, 'utf8').split(' ')[0]) - began) / 1e6
      if (script === plain) times.plain.push(isUp)
      else {
        times.up.push(isUp)
        times.returned.push(returned)
      }
    }
  }
  fs.rmSync(directory, { recursive: true })
  const base = median(times.plain)
  console.log(`\nplain node app.js up: 1.00 (${milliseconds(base)})`)
  console.log(
    `daemonize(): up ${(median(times.up) / base).toFixed(2)}, launcher returns ${(median(times.returned) / base).toFixed(2)}`,
  )
}

if (process.argv[2] !== undefined) await measure(process.argv[2], Number(process.argv[3]))
else {
  compareSizes()
  compareStarts()
}
