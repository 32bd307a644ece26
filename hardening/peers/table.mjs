// The outcome of the scenarios: rows of { peer, scenario, result, seconds, words }.

export const isWell = (rows) => rows.every(({ result }) => result !== 'FAILED')

/** A line for a row, while others are still to come. */
export function line({ peer, scenario, result, seconds, words }) {
  const detail = words ? `\n    ${words.trim().replaceAll('\n', '\n    ')}` : ''
  return `${result.padEnd(7)} ${peer}: ${scenario} (${seconds} s)${detail}`
}

/** Prints the table, in Markdown, and how many scenarios passed, failed and were skipped. */
export function printTable(rows) {
  console.log('\n| Peer | Scenario | Result | Seconds |\n| --- | --- | --- | --- |')
  for (const { peer, scenario, result, seconds } of rows)
    console.log(`| ${peer} | ${scenario} | ${result} | ${seconds} |`)
  const count = (wanted) => rows.filter(({ result }) => result === wanted).length
  console.log(`\n${count('passed')} passed, ${count('FAILED')} failed, ${count('SKIPPED')} skipped`)
}
