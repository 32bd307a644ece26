// Traps on Object.prototype: names that untrusted JSON could have put there. Each trap reports when procnative reads its
// name. Node.js and the tests may read them, and find nothing.

import fs from 'node:fs'
import path from 'node:path'
import { root } from '../../helpers/run.mjs'

const OURS = [`${root}lib${path.sep}`, `${root}index.js`]

// Returns the file of the first function on the stack that has a file: functions of napi and V8 have none.
function asker() {
  const { prepareStackTrace, stackTraceLimit } = Error
  Error.stackTraceLimit = 12
  Error.prepareStackTrace = (_, sites) => sites.map((site) => `${site.getFileName() ?? ''}:${site.getLineNumber()}`)
  const { stack } = new Error()
  Object.assign(Error, { prepareStackTrace, stackTraceLimit })
  // The stack is a string while V8 writes another stack, for which it reads the error's name.
  if (!Array.isArray(stack)) return ''
  return stack.find((place) => !place.startsWith(':') && !place.startsWith(import.meta.url)) ?? ''
}

/** Sets a trap for each name. Calls `caught` with `name: file:line` of each read. */
export function setTraps(names, caught) {
  const tell = (name) => {
    const place = asker()
    if (OURS.some((file) => place.startsWith(file))) caught(`${name}: ${place.slice(root.length)}`)
  }
  for (const name of names) {
    Object.defineProperty(Object.prototype, name, {
      __proto__: null,
      get: () => void tell(name),
      // Like a data property: an assignment makes an own property of the object.
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

/** Environment variables, because `process.env` inherits too, and names that identify objects of Node.js. */
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
  'href',
  'protocol',
]

/** Returns the members that index.d.ts and binding.d.ts declare: options, and values of the native half. */
export function knownNames() {
  const texts = ['index.d.ts', 'binding.d.ts'].map((name) => fs.readFileSync(path.join(root, name), 'utf8'))
  const members = texts.flatMap((text) => [...text.matchAll(/^ +(?:readonly )?(\w+)\??: /gm)])
  return [...new Set([...members.map(([, name]) => name), ...OTHERS])]
}
