// Targets of scenes.

import { median } from './measure.mjs'
import { better, comparison, UNITS } from './units.mjs'

/** Returns true if a scene meets its target, or undefined without a target or without the contender. */
export function isMet({ unit, results, target }) {
  if (target === undefined) return undefined
  const ours = median(results.procnative)
  if (target.atMost !== undefined) return ours <= target.atMost
  const theirs = results[target.against]
  return theirs && better(unit, ours, median(theirs)) >= target.times
}

/** Returns the target and its result in words. */
export function verdict(scene) {
  const { unit, target } = scene
  if (target === undefined) return ''
  const wanted = target.against
    ? `${target.times >= 1 ? 'at least' : 'at most'} ${comparison(unit, target.times)}`
    : `at most ${UNITS[unit].write(target.atMost)}`
  return `${wanted}: ${isMet(scene) ? 'met' : '**missed**'}`
}
