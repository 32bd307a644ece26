// load.js PORT: keeps asking a server, each time over a new connection, until its input ends. Then prints { answered, failures }.

const http = require('node:http')

const [port] = process.argv.slice(2)
const failures = []
let answered = 0
let isOver = false

process.stdin.resume().on('end', () => {
  isOver = true
})
console.log('begun')
ask()

function ask() {
  if (isOver) return console.log(JSON.stringify({ answered, failures }))
  const request = http.get({ host: '127.0.0.1', port, agent: false }, (response) => {
    response.resume().on('end', () => {
      answered++
      ask()
    })
  })
  request.on('error', (error) => {
    failures.push(error.code)
    ask()
  })
}
