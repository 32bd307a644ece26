// A program that is unrelated to any pid file.

console.log('runs')
setInterval(() => {}, 1000)
process.on('SIGTERM', () => {
  console.log('SIGTERM')
  process.exit()
})
