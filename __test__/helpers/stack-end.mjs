// Calls near the end of the stack.

/**
 * Calls a function at each depth near the end of the stack, until it has returned `enough` times. Returns the results, and the
 * number of errors.
 */
export function callAtStackEnd(call, enough) {
  const returned = []
  let threw = 0

  // Each level calls after the level below has failed.
  function descend() {
    try {
      descend()
    } catch {}
    if (returned.length >= enough) return
    try {
      returned.push(call())
    } catch {
      threw++
    }
  }

  descend()
  return { returned, threw }
}
