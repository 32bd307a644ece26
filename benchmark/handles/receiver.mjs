// receiver.mjs KIND BYTES [FILE …]: counts messages of up to BYTES bytes and their descriptors, and closes the descriptors. With
// FILEs, checks that each descriptor belongs to the expected file.

import fs from 'node:fs'
import { openDescriptors } from '../growth.cjs'
import { LINES } from './lines.mjs'

const [kind, bytes, ...files] = process.argv.slice(2)
const line = LINES[kind].parent(Number(bytes))
const inodes = files.map((file) => fs.statSync(file).ino)
const NONE = { messages: 0, misplaced: 0, descriptors: 0, wrong: 0 }
let account = { ...NONE }

const isOf = ({ fd }, inode) => fs.fstatSync(fd).ino === inode

line.listen((message, handles) => {
  if (message === 'all?') {
    line.send(account)
    account = { ...NONE }
  } else if (message === 'open?') line.send(openDescriptors())
  else {
    if (message.number !== account.messages++) account.misplaced++
    account.descriptors += handles.length
    for (const handle of handles) {
      if (inodes.length > 0 && !isOf(handle, inodes[message.number % inodes.length])) account.wrong++
      handle.close()
    }
  }
})
line.send(openDescriptors())
