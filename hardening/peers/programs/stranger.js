// Another program, which has nothing to do with any pid file.

console.log('runs')
setInterval(() => {}, 1000)
process.on('SIGTERM', () => {
  console.log('SIGTERM')
  process.exit()
})
