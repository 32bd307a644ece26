const procnative = require('procnative')
const { getsid, spawn } = procnative

async function main() {
  const { exitCode } = await spawn('sh', ['-c', 'exit 7'], { stdio: 'ignore' }).wait()
  console.log(JSON.stringify({ session: getsid(0), exitCode }))
}

main()
