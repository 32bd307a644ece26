// Sockets of TCP on the loopback, as the kernel has them: proc_pid_net(5).

import fs from 'node:fs'

const LISTEN = '0A'

/** Those that listen at a port, and those that are connected to or from it: as they are called in /proc/PID/fd. */
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
    // Without an inode it is nobody's any more.
    connected: rows.filter(({ isListening, link }) => !isListening && link !== 'socket:[0]').map(({ link }) => link),
  }
}
