'use strict'

// Another copy of the package's JavaScript in this process, in a context of its own, like a test file under jest.

const fs = require('node:fs')
const { createRequire, wrap } = require('node:module')
const path = require('node:path')
const vm = require('node:vm')

const ROOT = path.join(__dirname, '../../..')

// Globals that Node adds to the language.
const { Buffer, URL, process, clearTimeout, setImmediate, setTimeout } = globalThis

/** Loads a copy. Returns its exports, and a way to run code beside it. Core modules and the native half are the program's. */
function loadCopy(root = ROOT) {
  const context = vm.createContext({ Buffer, URL, process, clearTimeout, setImmediate, setTimeout })
  const cache = new Map()

  function load(file) {
    if (file.endsWith('.node')) return require(file)
    if (cache.has(file)) return cache.get(file).exports
    const module = { exports: {} }
    cache.set(file, module)
    const body = vm.runInContext(wrap(fs.readFileSync(file, 'utf8')), context, { filename: file })
    const { resolve } = createRequire(file)
    body(
      module.exports,
      (name) => (name.startsWith('.') ? load(resolve(name)) : require(name)),
      module,
      file,
      path.dirname(file),
    )
    return module.exports
  }

  const procnative = load(path.join(root, 'index.js'))
  return { procnative, evaluate: (code) => vm.runInContext(code, context) }
}

module.exports = { ROOT, loadCopy }
