// Both ends of a channel: messages of each kind, with descriptors, and more bytes than the socket holds.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import { channel, sendHandle, socketpair } from '../../../index.js'

export default async function channels({ after }) {
  const file = fs.openSync('/dev/null')
  after(() => fs.closeSync(file))
  for (const serialization of ['json', 'advanced', 'raw']) {
    const pair = socketpair()
    for (const end of pair) after(() => end.close())
    const [one, other] = pair.map((end) => channel(end, { serialization }))
    for (const end of [one, other]) after(() => end.destroy())
    const failed = Promise.race([one, other].map((end) => once(end, 'error').then(([error]) => Promise.reject(error))))
    failed.catch(() => {})
    const first = Buffer.from('text')
    const large = Buffer.alloc(500_000, 'x')
    const asSent = (message) => (serialization === 'json' ? String(message) : message)
    const sent = [sendHandle(one, asSent(first), file), one.send(asSent(large), [file, file])]
    const all = Promise.all(sent)
    all.catch(() => {})
    const received = []
    const heard = new Promise((resolve, reject) => {
      other.on('message', (message, handles) => {
        received.push([message.length, handles.length])
        for (const handle of handles) {
          try {
            handle.close()
          } catch (error) {
            reject(error)
          }
        }
        if (received.length === 2) resolve()
      })
    })
    heard.catch(() => {})
    await Promise.race([Promise.all([all, heard]), failed])
    assert.deepEqual(received, [
      [first.length, 1],
      [large.length, 2],
    ])
    other.pause()
    other.resume()
    await Promise.race([Promise.all([one.close(), other.close()]), failed])
  }
}
