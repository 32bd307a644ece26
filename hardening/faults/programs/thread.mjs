// A worker thread that starts two children, and closes one Process.

import { parentPort } from 'node:worker_threads'
import { spawn } from '../../../index.js'

const pids = []
try {
  const children = [0, 1].map(() => {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
    pids.push(child.pid)
    return child
  })
  children[1].close()
  parentPort.postMessage({ pids })
} catch (error) {
  const { message, ...properties } = error
  parentPort.postMessage({ pids, error: { message, ...properties } })
}
setInterval(() => {}, 1000)
