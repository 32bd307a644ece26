'use strict'

// Finds the known name that a caller may have meant by an unknown name.

// The largest Levenshtein distance for a suggestion.
const MAX_EDITS = 2

// Options of child_process, and options of a channel given in the wrong place.
const ALIASES = {
  __proto__: null,
  uid: 'user',
  gid: 'group',
  detached: 'session',
  timeout: 'readyTimeout',
  maxMessageLength: 'channel.maxMessageLength',
  maxHandles: 'channel.maxHandles',
}

// Returns undefined if no name is near enough.
function nearestName(name, known) {
  const alias = ALIASES[name]
  if (alias !== undefined && known.includes(alias.split('.')[0])) return alias
  const [best] = known
    .map((one) => ({ one, edits: countEdits(name.slice(0, 64), one) }))
    .sort((a, b) => a.edits - b.edits)
  // At most half of the letters may differ: two edits turn almost any word of three letters into any other.
  return best.edits <= MAX_EDITS && 2 * best.edits <= name.length ? best.one : undefined
}

// Returns the Levenshtein distance, computed row by row.
function countEdits(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]
}

module.exports = { nearestName }
