'use strict'

// The channel between a command and the master, on a Unix socket that only its own user can open.

const { connectChannel, listenChannel } = require('procnative')
const settings = require('./settings.js')

/** Answers each command with its result or its error. @param {Record<string, () => unknown>} commands */
function answer(commands) {
  return listenChannel(settings.control, {}, (channel) => {
    // The client may end before the answer.
    channel.on('error', (error) => console.error(error.message))
    channel.on('message', async (/** @type {string} */ command) => {
      const answered = await run(commands, command).then(
        (result) => ({ result }),
        (error) => ({ error: error.message }),
      )
      channel.send(answered).catch((error) => console.error(error.message))
      channel.close()
    })
  })
}

/** @param {Record<string, () => unknown>} commands @param {string} command */
async function run(commands, command) {
  if (!Object.hasOwn(commands, command)) throw new Error(`no such command: ${command}`)
  return commands[command]()
}

/** @param {string} command */
async function ask(command) {
  const channel = await connectChannel(settings.control).catch((error) => {
    throw ['ENOENT', 'ECONNREFUSED'].includes(error.code) ? new Error('not running') : error
  })
  await channel.send(command)
  const answer = await first(channel)
  await channel.close()
  if (answer === undefined) throw new Error('the master has ended without an answer')
  if ('error' in answer) throw new Error(answer.error)
  return answer.result
}

/** @param {import('procnative').Channel} channel */
async function first(channel) {
  for await (const { message } of channel) return message
}

module.exports = { answer, ask }
