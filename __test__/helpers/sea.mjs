// Single executable applications: Node.js with a script in it.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

/** Returns true if a version of Node.js, as `node --version` prints it, builds single executables by itself. */
export const buildsItself = (version) => Number(version.match(/\d+/)[0]) >= 26

/**
 * Builds an application of `main` in `directory`, with more configuration in `more`; returns its path. A version of Node.js
 * that only makes the blob needs `inject`, which puts a blob into a binary.
 */
export function buildSea(directory, { node, main, more = {}, inject }) {
  const application = path.join(directory, 'application')
  const blob = `${application}.blob`
  const config = path.join(directory, 'sea.json')
  const output = inject ? blob : application
  fs.writeFileSync(config, JSON.stringify({ main, output, disableExperimentalSEAWarning: true, ...more }))
  execFileSync(node, [inject ? '--experimental-sea-config' : '--build-sea', config], { cwd: directory, stdio: 'pipe' })
  if (inject) {
    fs.copyFileSync(fs.realpathSync(node), application)
    inject([application, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', FUSE])
  }
  return application
}
