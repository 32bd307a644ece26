'use strict'

// Counts the primes below a number, the long way. As a module it does so in the process that calls, and until it returns
// nothing else happens there. As a program, `fork('computation.js', [BELOW])`, it does so in a process of its own, and
// sends the count to its parent.

const { parentChannel, setParentDeathSignal } = require('procnative')

/** @param {number} below */
function countPrimes(below) {
  console.log(`${process.pid} begins to count`)
  let count = 0
  for (let number = 2; number < below; number++) {
    let divisor = 2
    while (divisor * divisor <= number && number % divisor !== 0) divisor++
    if (divisor * divisor > number) count++
  }
  console.log(`${process.pid} has counted ${count} primes below ${below}`)
  return count
}

module.exports = { countPrimes }

if (require.main === module) {
  // It would not notice otherwise, busy as it is, that there is nobody any more to count for.
  setParentDeathSignal('SIGKILL')
  parentChannel()?.send(countPrimes(Number(process.argv[2])))
}
