'use strict'

// Finds out why the binary can't be loaded. The dynamic linker's message is often misleading: for a file of another
// architecture, glibc says that there is no such file.

const fs = require('node:fs')
const { BINARIES, directory, machine } = require('./binaries.js')
const errors = require('./errors.js')
const { variable } = require('./own-property.js')
const { execArgv } = require('./process-start.js')

// Values of e_machine in elf(5), and its offset in bytes.
const ARCHITECTURES = { 62: 'x64', 183: 'arm64' }
const E_MACHINE = 18

// The second code comes from a single executable application, whose `require` can't load files.
const NOT_FOUND = ['MODULE_NOT_FOUND', 'ERR_UNKNOWN_BUILTIN_MODULE']

/** Returns the error for a binary that PROCNATIVE_BINARY names. */
const explainNamedBinary = (file, error) =>
  disabled(error) ?? mismatch(file, machine(), error, errors.namedBinaryForAnother) ?? unloadable(error)

/** Returns the error after every attempt for this architecture has failed. */
function explainNoBinary(failures) {
  for (const { error } of failures) if (disabled(error)) return disabled(error)
  const here = machine()
  const binary = BINARIES[here]
  if (!binary) return errors.noBinaryFor(here, Object.keys(BINARIES))
  const own = failures.filter(({ key }) => key === here)
  const { error, file } = own.find(({ error }) => !NOT_FOUND.includes(error.code)) ?? { error: own[0].error }
  if (!NOT_FOUND.includes(error.code)) {
    return mismatch(file, here, error, errors.foundBinaryForAnother) ?? unloadable(error, directory)
  }
  return directory ? errors.noBinaryIn(directory, binary.name, error) : errors.noBinaryInBundle(binary.name, error)
}

function disabled(error) {
  if (error.code !== 'ERR_DLOPEN_DISABLED') return undefined
  const isAllowed = [...execArgv, variable('NODE_OPTIONS') ?? ''].some((arg) => arg.includes('--allow-addons'))
  return errors.addonsDisabled(process.permission && !isAllowed ? 'permission' : 'option', error)
}

// Errors thrown by the checks of procnative already give the reason.
const unloadable = (error, directory) =>
  error.code === errors.NO_BINARY ? error : errors.binaryUnloadable(directory, error)

function mismatch(file, here, cause, binaryForAnother) {
  const its = targetOf(file)
  return its === undefined || its === here ? undefined : binaryForAnother(file, its, here, cause)
}

// Returns the key of a file in BINARIES, or undefined if the file can't be read or is not an ELF file.
function targetOf(file) {
  let content
  try {
    content = fs.readFileSync(file)
  } catch {
    return undefined
  }
  if (content.toString('latin1', 0, 4) !== '\x7fELF' || content.length < E_MACHINE + 2) return undefined
  const type = content.readUInt16LE(E_MACHINE)
  // musl has no symbol versions.
  const libc = content.includes('GLIBC_') ? 'glibc' : 'musl'
  return ['linux', ARCHITECTURES[type] ?? `ELF machine ${type}`, libc].join('-')
}

module.exports = { explainNamedBinary, explainNoBinary }
