// The results of the scenarios: rows of { peer, scenario, result, seconds, words }.

export const isWell = (rows) => rows.every(({ result }) => result !== 'FAILED')

/** Returns the line of one row, printed while other scenarios are still to come. */
export function line({ peer, scenario, result, seconds, words }) {
  const detail = words ? `\n    ${words.trim().replaceAll('\n', '\n    ')}` : ''
  return `${result.padEnd(7)} ${peer}: ${scenario} (${seconds} s)${detail}`
}

/** Prints the Markdown table, and the numbers of passed, failed and skipped scenarios. */
export function printTable(rows) {
  console.log('\n| Peer | Scenario | Result | Seconds |\n| --- | --- | --- | --- |')
  for (const { peer, scenario, result, seconds } of rows)
    console.log(`| ${peer} | ${scenario} | ${result} | ${seconds} |`)
  const count = (wanted) => rows.filter(({ result }) => result === wanted).length
  console.log(`\n${count('passed')} passed, ${count('FAILED')} failed, ${count('SKIPPED')} skipped`)
}
