// The types match the code. types/types.ts has what the types accept and refuse; `npm run lint` compiles it.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { channel, listenChannel, socketpair } from '../../index.js'
import { temporary, test } from '../helpers/harness.mjs'
import { root } from '../helpers/run.mjs'

const read = (name) => fs.readFileSync(path.join(root, name), 'utf8')
const codesIn = (text) => [...new Set(text.match(/ERR_PROCNATIVE_[A-Z_]+/g))].sort()

test('ProcnativeError: has each code of docs/errors.md, and no other', () => {
  const types = read('index.d.ts')
  const start = types.indexOf('export type ProcnativeError')
  const end = types.indexOf('\n// ──', start)
  const documented = read('docs/errors.md').match(/^### `ERR_PROCNATIVE_.*/gm)
  assert.deepEqual(codesIn(types.slice(start, end)), codesIn(documented.join('\n')))
})

test('listenChannel(): refuses a listener instead of options', async () => {
  await assert.rejects(
    listenChannel(
      '@procnative-types',
      () => {},
      () => {},
    ),
    { code: 'ERR_INVALID_ARG_TYPE', message: /"options"/ },
  )
})

test('Channel, ChannelServer: await using closes them', async (context) => {
  const [one, other] = socketpair().map((handle) => channel(handle))
  for (const end of [one, other]) end.on('message', () => {})
  const server = await listenChannel(path.join(temporary(context), 'socket'), () => {})
  await Promise.all([one, server].map((object) => object[Symbol.asyncDispose]()))
  assert.deepEqual([one.closed, other.closed], [true, true])
  await server.close()
})
