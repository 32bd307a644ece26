'use strict'

// The bytes that this process was started with. Node.js decodes arguments and variables as UTF-8, with U+FFFD in the
// place of what is none, so that the strings in JavaScript can't be turned back.

const fs = require('node:fs')

const REPLACEMENT = '\uFFFD'

// Whether a string may stand for bytes that are no UTF-8.
const isLossy = (text) => text.includes(REPLACEMENT)

// The strings of one of the kernel's files, in bytes.
function read(file) {
  let content
  try {
    content = fs.readFileSync(file)
  } catch {
    // A process that is not dumpable may not read it. Then the strings in JavaScript are all there is.
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

// The strings that are no UTF-8, by what Node.js makes of them, in their order.
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

// Arguments of this process, in the order of its command line: strings, or the bytes of those that are no UTF-8.
function originalArguments(given) {
  const texts = given.map(String)
  if (!texts.some(isLossy)) return texts
  const byText = bytesByText(read('/proc/self/cmdline'))
  return texts.map((text) => byText.get(text)?.shift() ?? text)
}

let variables

// Read when a variable is met that may be no UTF-8: most programs never have one.
function originalVariables() {
  variables ??= bytesByText(read('/proc/self/environ'))
  return variables
}

// The bytes of a variable, `NAME=value`, if it is one that this process was started with.
const originalVariable = (text) => originalVariables().get(text)?.[0]

// Variables that JavaScript can't see: those with a name that is no UTF-8.
function hiddenVariables() {
  return [...originalVariables()]
    .filter(([text]) => isLossy(text.slice(0, text.indexOf('='))))
    .flatMap(([, all]) => all)
}

// The variables that this process was started with, as strings.
const originalEnvironment = () => read('/proc/self/environ').map(String)

module.exports = { hiddenVariables, isLossy, originalArguments, originalEnvironment, originalVariable }
