'use strict'

const { spawn } = require('node:child_process')
const path = require('node:path')

const app = path.join(__dirname, '../app.cjs')
spawn(process.execPath, [app, ...process.argv.slice(2)], { detached: true, stdio: 'ignore' }).unref()
