// Units: the format of values, and the comparison of two values.

const duration = (milliseconds) => {
  if (milliseconds >= 10) return `${milliseconds.toFixed(0)} ms`
  if (milliseconds >= 1) return `${milliseconds.toFixed(2)} ms`
  const microseconds = milliseconds * 1000
  return `${microseconds.toFixed(microseconds >= 10 ? 0 : 1)} µs`
}

const rate = (value) => {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M/s`
  return `${(value / 1e3).toFixed(value >= 1e5 ? 0 : 1)} k/s`
}

export const UNITS = {
  ms: { write: duration, isRate: false, better: 'faster', worse: 'slower' },
  '/s': { write: rate, isRate: true, better: 'faster', worse: 'slower' },
  MB: { write: (value) => `${value.toFixed(1)} MB`, isRate: false, better: 'less', worse: 'more' },
  '×': { write: (value) => `${value.toFixed(2)}×`, isRate: false, better: 'less', worse: 'more' },
  '': { write: String, isRate: false, better: 'fewer', worse: 'more' },
}

const factor = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(value < 2 ? 3 : 2))

/** Returns the factor by which `ours` is better than `theirs`, or undefined if a value is not positive. */
export function better(unit, ours, theirs) {
  if (!(ours > 0 && theirs > 0)) return undefined
  return UNITS[unit].isRate ? ours / theirs : theirs / ours
}

/** Returns a factor in words. */
export function comparison(unit, times) {
  const { better, worse } = UNITS[unit]
  if (times === undefined) return ''
  return times >= 1 ? `${factor(times)}× ${better}` : `${factor(1 / times)}× ${worse}`
}
