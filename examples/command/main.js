'use strict'

// A script that is a command, started by its name as a shell would: what it takes, and what is said when a part is missing.
//
//   node examples/command/main.js
//
// To have it in your shell: ln -s "$PWD/examples/command/hello.js" ~/.local/bin/hello, then `hello you`. Here the link is
// in a directory that is removed at the end.

const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawn } = require('procnative')

const script = path.join(__dirname, 'hello.js')
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-command-'))

/** A directory of commands, with `hello` in it. @param {string} name @param {(file: string) => void} make */
function bin(name, make) {
  const made = path.join(directory, name)
  fs.mkdirSync(made)
  make(path.join(made, 'hello'))
  return made
}

/** Starts it by its name, with such a PATH. @param {string[]} directories @param {string} [argv0] */
async function hello(directories, argv0) {
  const env = { ...process.env, PATH: directories.join(path.delimiter) }
  try {
    const { exitCode } = await spawn('hello', ['you'], { env, argv0, stdio: 'inherit' }).wait()
    console.log(`it exited with ${exitCode}`)
  } catch (error) {
    // It is execve(2) that fails, and the parent that is told: there is no child.
    const { code, syscall } = /** @type {NodeJS.ErrnoException} */ (error)
    console.log(`it could not be started: ${code}, ${syscall}`)
  }
}

async function main() {
  console.log('echo, a command that everybody has:')
  const echo = spawn('echo', ['simple interaction'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const output = /** @type {import('node:net').Socket} */ (echo.stdio[1])
  output.pipe(process.stdout)
  await Promise.all([echo.wait(), once(output, 'end')])

  // The script's first line has env(1) look for `node` in PATH too. It shall find the one that runs this.
  const node = path.dirname(process.execPath)
  const linked = bin('linked', (file) => fs.symlinkSync(script, file))
  console.log('\nhello, a link to a script that has the executable bit:')
  await hello([linked, node])

  // A program sees as its own name what its parent says. Not a script: the kernel runs the interpreter instead, and gives
  // it the script's path in the place of that name.
  console.log('\nThe same by another name, which a script does not hear of:')
  await hello([linked, node], 'greeter')
  console.log('and its interpreter, which does:')
  await spawn(process.execPath, ['-p', 'process.argv0'], { argv0: 'greeter', stdio: 'inherit' }).wait()

  // Also for root, who may read and write everything: a file without the bit is no program.
  console.log('\nWithout the bit:')
  const plain = bin('plain', (file) => {
    fs.copyFileSync(script, file)
    fs.chmodSync(file, 0o644)
  })
  await hello([plain, node])

  // "No such file", although hello is there: it is the other file that is meant, in its first line.
  console.log('\nWith an interpreter that is not there:')
  const orphaned = bin('orphaned', (file) => fs.writeFileSync(file, '#!/nonexistent/node\n', { mode: 0o755 }))
  await hello([orphaned, node])

  // The usual trouble under cron and systemd, whose PATH is short. `env` is there and is started, so this is no error of
  // ours: it is `env` that finds nothing, says so, and ends with the 127 of shells.
  console.log('\nWith a PATH on which there is no node:')
  await hello([linked])
}
main().finally(() => fs.rmSync(directory, { recursive: true }))
