// Serves on the server that its parent passes to it, until the channel ends.

const { parentChannel } = require('procnative')

const channel = parentChannel()
channel.on('message', ({ answer }, [handle]) => {
  const server = handle.adopt()
  server.on('connection', (socket) => socket.end(`${answer}, says ${process.pid}`))
  channel.on('close', () => server.close())
  channel.send('serving')
})
