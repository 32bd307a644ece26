// Objects of Node.js that handles become by adopt().

/** Adopts a handle. The object is destroyed or closed with the test. */
export function adopted(context, handle) {
  const one = handle.adopt()
  // The test may have closed the object before.
  context.after(() => (one.destroy ? one.destroy() : new Promise((resolve) => closing(one, resolve))))
  return one
}

function closing(one, done) {
  try {
    one.close(done)
  } catch (error) {
    // A closed datagram socket throws. A closed server calls its listener.
    if (error.code !== 'ERR_SOCKET_DGRAM_NOT_RUNNING') throw error
    done()
  }
}

/** Reads a stream to its end. Returns the text. */
export const textOf = async (stream) => (await stream.setEncoding('utf8').toArray()).join('')
