import procnative = require('procnative')

import { type Process, spawn } from 'procnative'

async function main(): Promise<void> {
  const child: Process = spawn('sh', ['-c', 'exit 7'], { stdio: 'ignore' })
  const status = await child.wait()
  const exitCode: number | null = status.exitCode
  console.log(JSON.stringify({ session: procnative.getsid(0), exitCode }))
  // @ts-expect-error: a number, which only types can tell without calling it.
  const wrong: string = procnative.getsid(0)
  void wrong
}

main()
