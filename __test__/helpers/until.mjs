// Waiting for a condition that the kernel or another process brings about: asked again and again, and an error when
// it has not come true in good time.

const PATIENCE = 15_000

export async function until(condition, what = condition.toString(), patience = PATIENCE) {
  const deadline = Date.now() + patience
  for (;;) {
    const result = await condition()
    if (result) return result
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`)
    await new Promise(setImmediate)
  }
}
