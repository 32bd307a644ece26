'use strict'

// The binaries that exist, and the one that this machine needs.

const { createRequire } = require('node:module')
const path = require('node:path')

// A bundle of ECMAScript modules has no __filename.
const self = typeof __filename === 'undefined' ? process.execPath : __filename

// Webpack warns of each name that `require` can't find, but ignores this function. @vercel/nft follows both.
const load = createRequire(self)

// The package's directory. Undefined in a bundle: there, this code is part of a file with another name and in another place,
// and a path relative to that file could lead out of the program.
const directory = path.basename(self) === 'binaries.js' ? path.join(path.dirname(self), '../..') : undefined

// Every binary that exists. The key is the platform, the architecture and the C library. `name` is part of the file's
// name and of the package's name. The package's name is spelled out for @vercel/nft.
const BINARIES = {
  'linux-x64-glibc': { name: 'linux-x64-gnu', fromPackage: () => load('@procnative/binding-linux-x64-gnu') },
  'linux-arm64-glibc': { name: 'linux-arm64-gnu', fromPackage: () => load('@procnative/binding-linux-arm64-gnu') },
}

/** Returns the key of the running Node.js in BINARIES. Takes a few ms, because only a report names Node's C library. */
function machine() {
  const { excludeNetwork } = process.report
  // With the network, the report would look up the names of all interfaces.
  process.report.excludeNetwork = true
  const { glibcVersionRuntime } = process.report.getReport().header
  process.report.excludeNetwork = excludeNetwork
  return [process.platform, process.arch, glibcVersionRuntime ? 'glibc' : 'musl'].join('-')
}

module.exports = { BINARIES, directory, load, machine }
