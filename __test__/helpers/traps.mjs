// Traps on Object.prototype: names that untrusted JSON could have put there, each of which tells when
// procnative asks for it. What Node.js or a test asks for is let through: it finds nothing.

import fs from 'node:fs'
import path from 'node:path'
import { root } from './run.mjs'

const OURS = [`${root}lib${path.sep}`, `${root}index.js`]

// The file of the first function on the stack that is in a file: napi and V8 have none.
function asker() {
  const { prepareStackTrace, stackTraceLimit } = Error
  Error.stackTraceLimit = 12
  Error.prepareStackTrace = (_, sites) => sites.map((site) => `${site.getFileName() ?? ''}:${site.getLineNumber()}`)
  const { stack } = new Error()
  Object.assign(Error, { prepareStackTrace, stackTraceLimit })
  // It is text while V8 writes another stack, of which it looks at the error's name.
  if (!Array.isArray(stack)) return ''
  return stack.find((place) => !place.startsWith(':') && !place.startsWith(import.meta.url)) ?? ''
}

/** Sets a trap for each name. `caught` is told what it has caught: `name: file:line`. */
export function setTraps(names, caught) {
  const tell = (name) => {
    const place = asker()
    if (OURS.some((file) => place.startsWith(file))) caught(`${name}: ${place.slice(root.length)}`)
  }
  for (const name of names) {
    Object.defineProperty(Object.prototype, name, {
      __proto__: null,
      get: () => void tell(name),
      // As if it were a value: an assignment makes a property of the object's own.
      set(value) {
        Object.defineProperty(this, name, {
          __proto__: null,
          value,
          writable: true,
          enumerable: true,
          configurable: true,
        })
      },
      enumerable: true,
      configurable: true,
    })
  }
  return caught
}

export function removeTraps(names) {
  for (const name of names) delete Object.prototype[name]
}

/** Environment variables, which `process.env` inherits as well, and what Node.js's own objects are known by. */
const OTHERS = [
  'PATH',
  'NODE_OPTIONS',
  'NOTIFY_SOCKET',
  'LISTEN_PID',
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'PROCNATIVE_NOTIFY_SOCKET',
  'PROCNATIVE_BINARY',
  'NODE_TEST_CONTEXT',
  '_handle',
  'addMembership',
]

/** Names of members that index.d.ts and binding.d.ts declare: options, and what the native half takes and gives. */
export function knownNames() {
  const texts = ['index.d.ts', 'binding.d.ts'].map((name) => fs.readFileSync(path.join(root, name), 'utf8'))
  const members = texts.flatMap((text) => [...text.matchAll(/^ +(?:readonly )?(\w+)\??: /gm)])
  return [...new Set([...members.map(([, name]) => name), ...OTHERS])]
}
