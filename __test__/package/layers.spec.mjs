// Layers of lib/ and src/: each folder imports from lower folders only, and no two folders import each other.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from '../helpers/harness.mjs'
import { root } from '../helpers/run.mjs'

/** From the lowest floor to the highest. Folders on one floor don't know each other. */
const LIB = [['core'], ['descriptor'], ['socket', 'process'], ['daemon', 'channel']]
const SRC = [
  ['error'],
  ['sys'],
  ['descriptor'],
  ['proc'],
  ['clone'],
  ['socket'],
  ['process', 'daemon', 'channel'],
  ['reactor'],
  ['js/bridge'],
  ['js'],
  ['lib'],
]

const read = (file) => fs.readFileSync(path.join(root, file), 'utf8')

const filesOf = (directory, end) =>
  fs
    .readdirSync(path.join(root, directory), { recursive: true })
    .filter((name) => name.endsWith(end))
    .map((name) => path.join(directory, name))

/** Returns [importer, imported] for each import in `directory`; `of` returns the imports of a file. */
const arrows = (directory, end, of) =>
  filesOf(directory, end).flatMap((file) => of(file).map((target) => [file, target]))

const libImports = (file) =>
  Array.from(read(file).matchAll(/require\('(\.{1,2}\/[^']+)'\)/g), ([, name]) => path.join(path.dirname(file), name))

const SRC_FOLDERS = SRC.flat()

/** Returns the folder of a module path like `js::bridge::error`, or the file at the top that stands for it. */
function srcFolder(modules) {
  const folder = SRC_FOLDERS.find((one) => one.includes('/') && modules.join('/').startsWith(`${one}/`))
  return `src/${folder ?? modules[0]}`
}

const srcImports = (file) => {
  const own = path
    .relative('src', file)
    .replace(/(\/mod)?\.rs$/, '')
    .split('/')
  assert.doesNotMatch(read(file), /\bcrate::\{/, `${file}: one \`use\` for each module, so that this test can read it`)
  const paths = Array.from(read(file).matchAll(/\b(crate|super)((?:::\w+)+)/g), ([, base, rest]) => [
    ...(base === 'crate' ? [] : file.endsWith('/mod.rs') ? own : own.slice(0, -1)),
    ...rest.slice(2).split('::'),
  ])
  return paths.map((modules) => `${srcFolder(modules)}/`)
}

/** Returns the number of the floor of a file or a folder, or -1. */
function floorOf(floors, base, file) {
  const inside = `${path.relative(base, file).replace(/\.rs$/, '')}/`
  const folders = floors.flatMap((folders, floor) => folders.map((folder) => ({ folder, floor })))
  // The longest first: js/bridge is not js.
  const found = folders
    .toSorted((a, b) => b.folder.length - a.folder.length)
    .find(({ folder }) => inside.startsWith(`${folder}/`))
  return found ?? { folder: inside, floor: -1 }
}

function upward(floors, base, all) {
  const wrong = all.filter(([from, to]) => {
    const [here, there] = [from, to].map((file) => floorOf(floors, base, file))
    return here.folder !== there.folder && there.floor >= here.floor
  })
  return wrong.map(([from, to]) => `${from} imports ${to}`)
}

/** Returns the files of a circle, or none. */
function circle(all) {
  const done = new Set()
  const walk = (file, trail) => {
    if (trail.includes(file)) return trail.slice(trail.indexOf(file)).concat(file)
    if (done.has(file)) return []
    for (const [, to] of all.filter(([from]) => from === file)) {
      const found = walk(to, [...trail, file])
      if (found.length > 0) return found
    }
    done.add(file)
    return []
  }
  for (const [file] of all) {
    const found = walk(file, [])
    if (found.length > 0) return found
  }
  return []
}

test('lib: each folder imports from lower folders only', () => {
  const all = arrows('lib', '.js', libImports).filter(([, to]) => to.startsWith('lib/'))
  assert.ok(all.length > 100, `${all.length} imports`)
  assert.deepEqual(upward(LIB, 'lib', all), [])
})

test('lib: no file imports itself through others', () => {
  assert.deepEqual(circle(arrows('lib', '.js', libImports)), [])
})

test('src: each folder imports from lower folders only', () => {
  const all = arrows('src', '.rs', srcImports)
  assert.ok(all.length > 100, `${all.length} imports`)
  assert.deepEqual(upward(SRC, 'src', all), [])
})

test('layers: an upward import and a circle are found', () => {
  const up = [['lib/core/errors.js', 'lib/process/wait.js']]
  assert.deepEqual(upward(LIB, 'lib', up), ['lib/core/errors.js imports lib/process/wait.js'])
  assert.deepEqual(upward(LIB, 'lib', [['lib/daemon/a.js', 'lib/channel/b.js']]).length, 1)
  assert.deepEqual(upward(SRC, 'src', [['src/js/bridge/weak.rs', 'src/js/']]).length, 1)
  const round = [
    ['a', 'b'],
    ['b', 'c'],
    ['c', 'a'],
  ]
  assert.deepEqual(circle(round), ['a', 'b', 'c', 'a'])
})
