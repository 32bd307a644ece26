'use strict'

// Starts a script by its name, as a shell does, and shows the error for each missing part:
//
//   node examples/command/main.js
//
// To install the command for your shell: ln -s "$PWD/examples/command/hello.js" ~/.local/bin/hello, then `hello you`. This
// program makes the link in a directory that it removes at the end.

const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawn } = require('procnative')

const script = path.join(__dirname, 'hello.js')
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-command-'))

/** Makes a directory that has `hello`. Returns its path. @param {string} name @param {(file: string) => void} make */
function bin(name, make) {
  const made = path.join(directory, name)
  fs.mkdirSync(made)
  make(path.join(made, 'hello'))
  return made
}

/** Starts the command `hello` with a PATH of these directories. @param {string[]} directories @param {string} [argv0] */
async function hello(directories, argv0) {
  const env = { ...process.env, PATH: directories.join(path.delimiter) }
  try {
    const { exitCode } = await spawn('hello', ['you'], { env, argv0, stdio: 'inherit' }).wait()
    console.log(`it exited with ${exitCode}`)
  } catch (error) {
    // execve(2) failed, and spawn() throws its error. No child is left.
    const { code, syscall } = /** @type {NodeJS.ErrnoException} */ (error)
    console.log(`it could not be started: ${code}, ${syscall}`)
  }
}

async function main() {
  console.log('echo, a command that every system has:')
  const echo = spawn('echo', ['simple interaction'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const output = /** @type {import('node:net').Socket} */ (echo.stdio[1])
  output.pipe(process.stdout)
  await Promise.all([echo.wait(), once(output, 'end')])

  // By the script's first line, env(1) searches PATH for `node`. This directory has the node that runs this program.
  const node = path.dirname(process.execPath)
  const linked = bin('linked', (file) => fs.symlinkSync(script, file))
  console.log('\nhello, a link to a script that has the executable bit:')
  await hello([linked, node])

  // The parent chooses the name that a program sees. A script does not see that name, because the kernel runs its
  // interpreter instead, and passes the script's path in place of the name.
  console.log('\nThe same by another name, which a script does not see:')
  await hello([linked, node], 'greeter')
  console.log('and its interpreter, which sees it:')
  await spawn(process.execPath, ['-p', 'process.argv0'], { argv0: 'greeter', stdio: 'inherit' }).wait()

  // Without the executable bit, not even root can run the file.
  console.log('\nWithout the bit:')
  const plain = bin('plain', (file) => {
    fs.copyFileSync(script, file)
    fs.chmodSync(file, 0o644)
  })
  await hello([plain, node])

  // ENOENT, although hello exists, because the interpreter in its first line is missing.
  console.log('\nWith a missing interpreter:')
  const orphaned = bin('orphaned', (file) => fs.writeFileSync(file, '#!/nonexistent/node\n', { mode: 0o755 }))
  await hello([orphaned, node])

  // A frequent problem under cron and systemd, whose PATH is short. spawn() does not fail, because `env` exists and starts.
  // `env` does not find node, prints an error, and exits with 127 as shells do.
  console.log('\nWith a PATH without node:')
  await hello([linked])
}
main().finally(() => fs.rmSync(directory, { recursive: true }))
