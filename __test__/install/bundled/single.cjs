// main.cjs in a single executable application, as in docs/guides/bundlers.md.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { getRawAsset } = require('node:sea')

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'bundled-'))
process.env.PROCNATIVE_BINARY = path.join(directory, 'asset')
fs.writeFileSync(process.env.PROCNATIVE_BINARY, Buffer.from(getRawAsset('procnative.node')))
require('procnative')
fs.rmSync(directory, { recursive: true })
delete process.env.PROCNATIVE_BINARY

require('./main.cjs')
