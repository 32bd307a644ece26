// Checks of errors against E1 of docs/contract.md and docs/errors.md.

/** An error of the fuzzer's getters, traps and callbacks. procnative must pass it on unchanged. */
export class Thrown extends Error {}

const ARGUMENT = {
  ERR_INVALID_ARG_TYPE: TypeError,
  ERR_INVALID_ARG_VALUE: TypeError,
  ERR_OUT_OF_RANGE: RangeError,
  ERR_ILLEGAL_CONSTRUCTOR: TypeError,
  ERR_INVALID_RETURN_VALUE: TypeError,
  ERR_UNKNOWN_CREDENTIAL: Error,
}

// Names of the errors of an AbortSignal.
const ABORTS = ['AbortError', 'TimeoutError']

/**
 * Returns what is wrong with an error, or null. `isExotic`: the language itself may throw, without a code, because of `this` or
 * an argument: a private member of another object, a revoked proxy, a name of an event that is no string.
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
