// What Node.js has made of handles.

/** handle.adopt(), destroyed or closed when the test is over. */
export function adopted(context, handle) {
  const one = handle.adopt()
  // That it was closed before is all the same.
  context.after(() => (one.destroy ? one.destroy() : new Promise((resolve) => closing(one, resolve))))
  return one
}

function closing(one, done) {
  try {
    one.close(done)
  } catch (error) {
    // Of a datagram socket; a server tells its listener.
    if (error.code !== 'ERR_SOCKET_DGRAM_NOT_RUNNING') throw error
    done()
  }
}

/** All that a stream says until it ends. */
export const textOf = async (stream) => (await stream.setEncoding('utf8').toArray()).join('')
