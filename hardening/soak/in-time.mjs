// What never comes is an error, and not a soak that hangs.

const PATIENCE = 120_000

export async function inTime(what, promise) {
  let timer
  const late = new Promise((_, reject) => {
    const error = new Error(`${what} is not over after ${PATIENCE} ms`)
    timer = setTimeout(reject, PATIENCE, error)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
