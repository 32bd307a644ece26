// Whether an error looks as contract line E1 and docs/errors.md say.

/** What getters, traps and callbacks of the fuzzer throw: it is to pass through unchanged. */
export class Thrown extends Error {}

const ARGUMENT = {
  ERR_INVALID_ARG_TYPE: TypeError,
  ERR_INVALID_ARG_VALUE: TypeError,
  ERR_OUT_OF_RANGE: RangeError,
  ERR_ILLEGAL_CONSTRUCTOR: TypeError,
  ERR_INVALID_RETURN_VALUE: TypeError,
  ERR_UNKNOWN_CREDENTIAL: Error,
}

// Of an AbortSignal.
const ABORTS = ['AbortError', 'TimeoutError']

/**
 * What is wrong with it, or null. `isExotic`: `this` or an argument was such that the language itself throws, without a
 * code: a private member of something else, a proxy that was revoked, the name of an event that is no string.
 */
export function complaint(error, isExotic) {
  if (error instanceof Thrown) return null
  if (!(error instanceof Error)) return `not an Error: ${String(error)}`
  const { name, code, errno, syscall, message } = error
  const shown = `${name} ${code}: ${message}`
  if (/panic/i.test(message)) return `a panic: ${shown}`
  if (ABORTS.includes(name)) return null
  const isOfTheLanguage = error instanceof TypeError || error instanceof RangeError
  if (code === undefined) return isExotic && isOfTheLanguage ? null : `no code: ${shown}`
  if (Object.hasOwn(ARGUMENT, code)) return error instanceof ARGUMENT[code] ? null : `of the wrong class: ${shown}`
  if (/^ERR_PROCNATIVE_[A-Z_]+$/.test(code)) return null
  const isSystem = /^E[A-Z0-9]+$/.test(code) && errno < 0 && typeof syscall === 'string'
  return isSystem ? null : `of an unknown shape: ${shown} errno ${errno} syscall ${syscall}`
}
