'use strict'

// Finds the binary in all cases except the usual one, in which this package carries the binary.

const fs = require('node:fs')
const path = require('node:path')
const { version } = require('../../package.json')
const { BINARIES, directory, load } = require('./binaries.js')
const { variable } = require('./own-property.js')

// Loaded lazily: only errors need these.
const errors = () => require('./errors.js')
const explain = () => require('./explain-no-binary.js')

/** Loads the binary that PROCNATIVE_BINARY names, or the one for this machine. `carried`: error of the carried binary. */
function loadBinary(carried) {
  const named = variable('PROCNATIVE_BINARY')
  return named && !isSecure() ? loadNamed(named) : loadFound(carried)
}

// Returns true if this process has more rights than its caller: set-user-ID, or capabilities of the file (AT_SECURE of
// getauxval(3)). Node ignores NODE_OPTIONS in such a process. The kernel may hide the vector from it.
function isSecure() {
  const AT_SECURE = 23n
  try {
    const vector = new BigUint64Array(new Uint8Array(fs.readFileSync('/proc/self/auxv')).buffer)
    return vector.some((value, at) => at % 2 === 0 && value === AT_SECURE && vector[at + 1] !== 0n)
  } catch {
    return true
  }
}

function loadNamed(file) {
  if (!path.isAbsolute(file)) throw errors().binaryPath(file)
  try {
    return requireVersion(loadFile(file), file)
  } catch (error) {
    throw explain().explainNamedBinary(file, error)
  }
}

// Loads a file as `require` does, whatever its name is.
function loadFile(file) {
  const addon = { exports: {} }
  process.dlopen(addon, file)
  return addon.exports
}

// Returns the exports of a binary. A copy of a binary may have another version than this file.
function requireVersion(exports, from) {
  const found = exports.version?.()
  if (found !== version) throw errors().binaryOfVersion(from, found, version)
  return exports
}

const fileOf = (name) => directory && path.join(directory, `procnative.${name}.node`)

// Tries every file and package for this architecture. A binary for the other C library fails to load and does no harm. Only
// errors need to know the C library.
function loadFound(carried) {
  const failures = carried ? [{ error: carried, key: 'linux-x64-glibc', file: fileOf('linux-x64-gnu') }] : []
  for (const [key, { name, fromPackage }] of Object.entries(BINARIES)) {
    if (!key.startsWith(`${process.platform}-${process.arch}-`)) continue
    const file = fileOf(name)
    try {
      return file && fs.existsSync(file) ? load(file) : requireVersion(fromPackage(), `@procnative/binding-${name}`)
    } catch (error) {
      failures.push({ error, key, file })
    }
  }
  throw explain().explainNoBinary(failures)
}

module.exports = { loadBinary }
