'use strict'

// The bytes that this process was started with. Node.js decodes arguments and variables as UTF-8, and puts U+FFFD in place
// of invalid bytes. The strings in JavaScript can't be turned back into these bytes.

const fs = require('node:fs')

const REPLACEMENT = '\uFFFD'

// Returns true if a string may stand for bytes that are not valid UTF-8.
const isLossy = (text) => text.includes(REPLACEMENT)

// Returns the strings of a /proc file, as bytes.
function stringsOf(file) {
  let content
  try {
    content = fs.readFileSync(file)
  } catch {
    // The process has ended or is not dumpable, or /proc is not mounted. Only the strings in JavaScript are left then.
    return []
  }
  const strings = []
  for (let start = 0; start < content.length; ) {
    const end = content.indexOf(0, start)
    strings.push(content.subarray(start, end < 0 ? content.length : end))
    start = end < 0 ? content.length : end + 1
  }
  return strings
}

// Returns the strings that are not valid UTF-8. The key is what Node.js makes of each; equal keys keep the order.
function bytesByText(strings) {
  const byText = new Map()
  for (const bytes of strings) {
    const text = bytes.toString()
    if (!isLossy(text) || bytes.equals(Buffer.from(text))) continue
    if (!byText.has(text)) byText.set(text, [])
    byText.get(text).push(bytes)
  }
  return byText
}

// Returns the arguments of this process, in their order: strings, or bytes if an argument is not valid UTF-8.
function originalArguments(given) {
  const texts = given.map(String)
  if (!texts.some(isLossy)) return texts
  const byText = bytesByText(stringsOf('/proc/self/cmdline'))
  return texts.map((text) => byText.get(text)?.shift() ?? text)
}

let variables

// Read only when a variable may not be valid UTF-8: most programs never have one.
function originalVariables() {
  variables ??= bytesByText(stringsOf('/proc/self/environ'))
  return variables
}

// Returns the bytes of a variable, `NAME=value`, if this process was started with it.
const originalVariable = (text) => originalVariables().get(text)?.[0]

// Returns the variables that JavaScript can't see: their names are not valid UTF-8.
function hiddenVariables() {
  return [...originalVariables()]
    .filter(([text]) => isLossy(text.slice(0, text.indexOf('='))))
    .flatMap(([, all]) => all)
}

// Returns the variables that this process was started with, as strings.
const originalEnvironment = () => stringsOf('/proc/self/environ').map(String)

// Returns the arguments of execve(2) as strings. A new process.title overwrites them.
const commandLineOf = (pid) => stringsOf(`/proc/${pid}/cmdline`).map(String)

module.exports = { commandLineOf, hiddenVariables, isLossy, originalArguments, originalEnvironment, originalVariable }
