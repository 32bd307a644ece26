import procnative, { getsid, spawn } from 'procnative'

const { exitCode } = await spawn('sh', ['-c', 'exit 7'], { stdio: 'ignore' }).wait()
console.log(JSON.stringify({ session: procnative.getsid(0), exitCode }))
if (procnative.getsid !== getsid) throw new Error('two of the same')
