'use strict'

// The output of `status`.

/** @typedef {{ role: string, pid: number, uptime: number, restarts: number, memory: number, state: string }} Row */

/** @param {Row[]} rows */
function table(rows) {
  const cells = [
    ['', 'PID', 'UPTIME', 'RESTARTS', 'MEMORY', 'STATE'],
    ...rows.map(({ role, pid, uptime, restarts, memory, state }) => [
      ...[role, String(pid), duration(uptime), String(restarts)],
      ...[`${(memory / 2 ** 20).toFixed(1)} MB`, state],
    ]),
  ]
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const line = (/** @type {string[]} */ row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd()
  return cells.map(line).join('\n')
}

/** @param {number} milliseconds */
function duration(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
}

module.exports = { table }
