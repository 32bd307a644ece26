// The tarball, and projects with the tarball installed.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { root } from '../helpers/run.mjs'

/** Packs the package into `directory`; returns the tarball. */
export function pack(directory) {
  // The scripts would build the package again.
  const options = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory]
  const packed = JSON.parse(execFileSync('npm', options, { cwd: root, encoding: 'utf8', stdio: 'pipe' }))
  // npm 11 returns an array, npm 12 an object by name.
  const [{ filename }] = Object.values(packed)
  return path.join(directory, filename)
}

/** Makes a project with the tarball, copies of the files in `sources`, and links to packages installed elsewhere. */
export function project(directory, { tarball, sources, packages = {} }) {
  const installed = path.join(directory, 'node_modules/procnative')
  fs.mkdirSync(installed, { recursive: true })
  fs.writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ name: 'project', private: true }))
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])
  fs.cpSync(sources, directory, { recursive: true })
  for (const [name, at] of Object.entries(packages)) {
    const link = path.join(directory, 'node_modules', name)
    fs.mkdirSync(path.dirname(link), { recursive: true })
    fs.symlinkSync(path.join(at, name), link)
  }
  return directory
}

/** Reports a missing package: a visible skip on a developer's machine, and a failure in CI. */
export function wanted(get) {
  try {
    return { value: get() }
  } catch (error) {
    if (process.env.CI) throw error
    return { reason: `NOT TESTED: ${error.message.split('\n')[0]}` }
  }
}
