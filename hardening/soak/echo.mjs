/** Has a channel send back each message with its handles. */
export function echo(channel) {
  channel.on('message', async (message, handles) => {
    const sent = channel.send(message, handles)
    // They are yours to close as soon as they are sent.
    for (const handle of handles) handle.close()
    await sent
  })
}
