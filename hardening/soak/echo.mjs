/** Makes a channel send back each message with its handles. */
export function echo(channel) {
  channel.on('message', async (message, handles) => {
    const sent = channel.send(message, handles)
    // send() has copied the handles, so the caller may close them.
    for (const handle of handles) handle.close()
    await sent
  })
}
