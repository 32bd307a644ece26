'use strict'

// Counts the primes below a number, by trial division, which takes long. As a module, it counts in the calling process, which
// is blocked meanwhile. As a program, `fork('computation.js', [BELOW])`, it counts in its own process and sends the count to
// its parent.

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
  // While it counts, its event loop can't notice the end of the parent. So the kernel kills it then.
  setParentDeathSignal('SIGKILL')
  parentChannel()?.send(countPrimes(Number(process.argv[2])))
}
