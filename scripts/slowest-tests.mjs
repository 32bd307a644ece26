// A reporter of node:test: lists the ten slowest tests at the end of a run, and fails a run without a test.

const COUNT = 10

export default async function* slowestTests(events) {
  const tests = []
  for await (const { type, data } of events) {
    // Node.js 20 reports a file without tests as a test.
    const isTest = !data.name?.endsWith('.spec.mjs')
    const hasRun = (type === 'test:pass' || type === 'test:fail') && isTest && data.skip === undefined
    if (hasRun && data.details.type !== 'suite') tests.push({ ms: data.details.duration_ms, name: data.name })
  }
  if (tests.length === 0) {
    process.exitCode = 1
    yield '\nNo test has run: no title matches.\n'
  }
  // A few tests need no ranking.
  if (tests.length <= COUNT) return
  yield `\nThe ${COUNT} slowest of ${tests.length} tests:\n`
  for (const { ms, name } of tests.toSorted((a, b) => b.ms - a.ms).slice(0, COUNT)) {
    yield `${(ms / 1000).toFixed(1).padStart(7)} s  ${name}\n`
  }
}
