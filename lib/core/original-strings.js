'use strict'

// The arguments and variables that this process was started with, as bytes. Node.js decodes them as UTF-8, and puts
// U+FFFD in the place of invalid bytes. The strings in JavaScript can't be turned back into these bytes.

const fs = require('node:fs')

const REPLACEMENT = '\uFFFD'

// Returns true if a string may stand for bytes that are not valid UTF-8.
const isLossy = (text) => text.includes(REPLACEMENT)

// Returns the strings of a /proc file, as bytes.
function readStrings(file) {
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

// Returns a map from the text that Node.js decodes to the bytes that are not valid UTF-8. Strings with the same text
// keep their order.
function groupByText(strings) {
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
function restoreArguments(given) {
  const texts = given.map(String)
  if (!texts.some(isLossy)) return texts
  const byText = groupByText(readStrings('/proc/self/cmdline'))
  return texts.map((text) => byText.get(text)?.shift() ?? text)
}

let variables

// Called only if a variable may not be valid UTF-8: most programs have no such variable.
function readVariables() {
  variables ??= groupByText(readStrings('/proc/self/environ'))
  return variables
}

// Returns the bytes of a variable, `NAME=value`, if this process was started with it.
const restoreVariable = (text) => readVariables().get(text)?.[0]

// Returns the variables that JavaScript can't see: their names are not valid UTF-8.
function listHiddenVariables() {
  return [...readVariables()].filter(([text]) => isLossy(text.slice(0, text.indexOf('=')))).flatMap(([, all]) => all)
}

// Returns the variables that this process was started with, as strings.
const readEnvironment = () => readStrings('/proc/self/environ').map(String)

// Returns the arguments that a process was started with, as strings. See proc_pid_cmdline(5). A new process.title
// overwrites them.
const readCommandLine = (pid) => readStrings(`/proc/${pid}/cmdline`).map(String)

module.exports = {
  isLossy,
  listHiddenVariables,
  readCommandLine,
  readEnvironment,
  restoreArguments,
  restoreVariable,
}
