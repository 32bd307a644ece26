'use strict'

// The command line and the report that runs over several runtimes or test runners share.

/** Returns the names of `known` that the command line has, or all names; and its other arguments, the spec files. */
function parseArguments(known) {
  const given = process.argv.slice(2)
  const named = given.filter((argument) => known.includes(argument))
  return { chosen: named.length > 0 ? named : known, files: given.filter((argument) => !known.includes(argument)) }
}

/** Prints the results, and sets the exit code if a run has failed. */
function reportResults(results) {
  console.log('')
  for (const { name, isPassed } of results) console.log(`${isPassed ? '✔' : '✖'} ${name}`)
  if (!results.every(({ isPassed }) => isPassed)) process.exitCode = 1
}

module.exports = { parseArguments, reportResults }
