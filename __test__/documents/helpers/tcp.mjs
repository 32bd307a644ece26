// TCP sockets on the loopback address, from /proc/net/tcp: proc_pid_net(5).

import fs from 'node:fs'

const LISTEN = '0A'

/** Returns the sockets that listen at a port, and those connected to or from it, by their names in /proc/PID/fd. */
export function socketsAt(port) {
  const address = `0100007F:${Number(port).toString(16).toUpperCase().padStart(4, '0')}`
  const rows = fs
    .readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, remote]) => local === address || remote === address)
    .map((fields) => ({ isListening: fields[3] === LISTEN, link: `socket:[${fields[9]}]` }))
  return {
    listening: rows.filter(({ isListening }) => isListening).map(({ link }) => link),
    // A socket without an inode belongs to no process any more.
    connected: rows.filter(({ isListening, link }) => !isListening && link !== 'socket:[0]').map(({ link }) => link),
  }
}
