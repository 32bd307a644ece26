// Finds and runs the code blocks of a page in Markdown.
//
// A program is run unchanged, must print nothing, and must exit with 0. A `console` block is what a terminal shows. A comment
// before a block can say more; each of its parts is optional:
//
//   <!-- test: NAME, as root, not run: WHY
//   $ COMMAND
//   > ITS NEXT LINE
//   WHAT IT PRINTS
//   -->
//
// NAME is the file name of the block, in one directory with all named blocks of the page. The commands are run instead of the
// program. A program with a name and without commands is for another block's commands. In the output, a number stands for any
// number, and … for any text.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { end } from '../../helpers/daemon.mjs'
import { hasProgram, isRoot, needs, temporary } from '../../helpers/harness.mjs'
import { startedWith } from '../../helpers/proc.mjs'
import { root } from '../../helpers/run.mjs'
import { buildsItself } from '../../helpers/sea.mjs'
import { until } from '../../helpers/until.mjs'

const MARK = 'PROCNATIVE_PAGE'
const TYPES = 'tsc --noEmit --strict --module nodenext --target es2023 --types node'
const PROGRAMS = [
  'curl',
  'esbuild',
  'logrotate',
  'ncc',
  'postject',
  'ps',
  'python3',
  'script',
  'systemd-analyze',
  'systemd-socket-activate',
  'unshare',
  'webpack',
]

// Paths of packages that blocks load and that this project does not install.
const PACKAGES = process.env.PROCNATIVE_PAGES_PACKAGES?.split(':') ?? []

const node = { run: (name) => `node ${name}`, check: (name) => `node --check ${name}`, isProgram: true }

// Commands that run a block of a language, and commands that check a block that can't be run.
const LANGUAGES = {
  js: { extension: 'js', ...node },
  cjs: { extension: 'cjs', ...node },
  mjs: { extension: 'mjs', ...node },
  // The new version is run, the old version is checked.
  diff: { extension: 'js', ...node },
  ts: { extension: 'ts', run: (name) => `${TYPES} ${name}` },
  python: { extension: 'py', run: (name) => `python3 -B ${name}`, isProgram: true },
  sh: { extension: 'sh', run: (name) => `sh -e ${name}`, check: (name) => `sh -n ${name}`, isProgram: true },
  json: { extension: 'json', run: (name) => `node -e 'require("./${name}")'` },
  ini: { extension: 'service', run: (name) => `systemd-analyze verify ./${name}` },
  conf: { extension: 'conf', run: (name) => `! logrotate --debug ${name} 2>&1 | grep '^error'` },
  dockerfile: { extension: 'dockerfile', check: () => 'true' },
  console: {},
  text: {},
}

const INSTRUCTION = /^(FROM|WORKDIR|COPY|RUN|ENV|EXPOSE|USER|STOPSIGNAL|ENTRYPOINT|CMD) (.+)$/

// ── Reading a page ──

/** Returns the links of a page to files of this project, relative to the page. */
export const linksOf = (text) => [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, target]) => target)

/** Returns all blocks of a page; throws for a block that can't be tested. */
export function blocksOf(page, text) {
  const blocks = [...pieces(page, text.split('\n'))]
  for (const block of blocks) {
    const others = blocks.filter((other) => other !== block)
    const fail = (what) => assert.fail(`${page}:${block.line}: ${what}`)
    if (block.name && others.some(({ name }) => name === block.name)) fail(`there is another ${block.name}`)
    const isMentioned = () => others.some(({ content, said }) => `${content}\n${said}`.includes(block.name))
    if (block.isForOthers && !isMentioned()) fail(`nothing runs ${block.name}`)
  }
  return blocks
}

function* pieces(page, lines) {
  let said
  for (let at = 0; at < lines.length; at++) {
    const line = at + 1
    const upTo = (end) => {
      const from = at
      while (lines[at] !== undefined && !end(lines[at])) at++
      assert.ok(at < lines.length, `${page}:${line}: this has no end`)
      return lines.slice(from, at)
    }
    const [, fence, language] = lines[at].match(/^\s*(`{3,}|~{3,})\s*(.*)$/) ?? []
    if (fence) {
      at++
      const content = `${upTo((text) => text.trim() === fence).join('\n')}\n`
      yield block({ page, line, language, content, said: said ?? '' })
      said = undefined
    } else if (lines[at].startsWith('<!-- test:')) {
      const comment = lines[at].endsWith('-->') ? [lines[at]] : upTo((text) => text === '-->')
      said = comment.join('\n').replace(/^<!-- test:|-->$/g, '')
    } else if (lines[at] !== '') {
      const fail = (what) => assert.fail(`${page}:${line}: ${what}`)
      if (/<!-*\s*test/.test(lines[at])) fail("a comment about a test begins its line, and with '<!-- test:'")
      if (said !== undefined) fail('a comment about a test, and no block')
    }
  }
}

function block({ page, line, language, content, said }) {
  const fail = (what) => assert.fail(`${page}:${line}: ${what}`)
  const known = LANGUAGES[language] ?? fail(`there is no telling how to test a block in '${language}'`)
  const [head, ...rest] = said.split('\n')
  const { name, root, reason } = remarks(head.trim()) ?? fail(`what is '${head.trim()}'?`)
  const file = name ?? `block.${known.extension}`
  const command = reason ? known.check?.(file) : known.run?.(file)
  if (known.extension && !command) fail(`this can't be ${reason ? 'checked' : 'run'}`)

  const shown = transcript(language === 'console' ? content.trimEnd().split('\n') : rest)
  const isForOthers = Boolean(known.isProgram && name && !reason && shown.length === 0)
  const own = command && !isForOthers ? [{ command, expected: '' }] : []
  const before = language === 'diff' ? [{ command: `node --check old-${file}`, expected: '' }] : []
  const steps = [...before, ...(shown.length > 0 ? shown : own)]
  return { page, line, language, content, said, name, file, root, reason, isForOthers, transcript: steps }
}

/** Parses `NAME, as root, not run: WHY`; each part is optional. */
function remarks(text) {
  const found = text.match(/^([\w-]+\.\w+)?(?:(?:^|, )(as root))?(?:(?:^|, )not run: (.+))?$/)
  return found && { name: found[1], root: found[2] !== undefined, reason: found[3] }
}

function transcript(lines) {
  const steps = []
  for (const line of lines) {
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), expected: '' })
    else if (line.startsWith('> ')) steps.at(-1).command += `\n${line.slice(2)}`
    else steps.at(-1).expected += `${line}\n`
  }
  return steps
}

// ── Running a block ──

/** Returns the title of the test of a block. */
export const titleOf = ({ page, line, name, language, reason }) =>
  `${page}:${line}: ${name ?? language}${reason ? ` (NOT RUN, ONLY CHECKED: ${reason})` : ''}`

/** Returns test options that skip a block if the machine lacks a program or root. */
export function neededBy({ root, content, transcript }) {
  const text = [content, ...transcript.map(({ command }) => command)].join('\n')
  const missing = PROGRAMS.filter((name) => new RegExp(`(?<![-\\w])${name}\\b`).test(text) && !hasProgram(name))
  if (root && !isRoot) missing.unshift('root')
  if (text.includes('--build-sea') && !buildsItself(process.version)) missing.unshift('Node.js 26')
  return needs(missing.join(', '), missing.length === 0)
}

/** Runs a block in a new directory, with all named blocks of its page. */
export async function runBlock(t, block, blocks, patience) {
  const place = { directory: temporary(t), port: await freePort() }
  const mark = randomUUID()
  const started = () => startedWith(MARK, mark)
  t.after(() => Promise.all(started().map((pid) => end(pid))))

  furnish(place)
  for (const one of blocks) if (one.name || one === block) save(place, one)
  if (block.language === 'dockerfile') checkDockerfile(block.content)
  for (const { command, expected } of block.transcript) {
    const { how, printed } = await shell(localized(command, place), place, mark)
    assert.deepEqual(how, [0, null], `$ ${command}\n${printed}`)
    assert.match(printed, pattern(localized(expected, place)), `$ ${command}`)
  }
  await until(() => started().length === 0, 'all started processes have ended', patience)
}

/** Replaces directories, ports, users and the Node.js of a page by those of the test. */
function localized(text, { directory, port }) {
  return text
    .replaceAll(/(?<![\w.])\/(run|srv|var)(?=[/'])/g, `${directory}/$1`)
    .replaceAll('8080', port)
    .replaceAll('/usr/bin/node', process.execPath)
    .replaceAll(/user: '(app|node)'/g, "user: 'nobody'")
}

const home = ({ directory }) => path.join(directory, 'srv/app')

function furnish(place) {
  for (const name of ['run', 'var/log', 'srv/app/node_modules/.bin']) {
    fs.mkdirSync(path.join(place.directory, name), { recursive: true })
  }
  const modules = path.join(home(place), 'node_modules')
  fs.symlinkSync(root, path.join(modules, 'procnative'))
  fs.symlinkSync(path.join(root, 'node_modules/@types'), path.join(modules, '@types'))
  fs.symlinkSync(path.join(root, 'node_modules/.bin/tsc'), path.join(modules, '.bin/tsc'))
  fs.symlinkSync(process.execPath, path.join(modules, '.bin/node'))
  for (const name of PACKAGES) fs.symlinkSync(name, path.join(modules, path.basename(name)))
}

function save(place, { language, file, content }) {
  if (!LANGUAGES[language].extension) return
  const write = (name, text) => fs.writeFileSync(path.join(home(place), name), localized(text, place))
  if (language !== 'diff') return write(file, content)
  const without = (sign) =>
    content
      .split('\n')
      .filter((line) => !line.startsWith(sign))
      .map((line) => line.slice(1))
      .join('\n')
  write(file, without('-'))
  write(`old-${file}`, without('+'))
}

async function shell(command, place, mark) {
  const file = path.join(place.directory, 'printed')
  const output = fs.openSync(file, 'w')
  const { env } = process
  const PATH = `${path.join(home(place), 'node_modules/.bin')}:${env.PATH}`
  const child = spawn('sh', ['-c', command], {
    cwd: home(place),
    env: { ...env, PATH, [MARK]: mark },
    stdio: ['ignore', output, output],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  fs.closeSync(output)
  const how = await once(child, 'exit')
  // A terminal ends lines with CR and LF.
  return { how, printed: fs.readFileSync(file, 'utf8').replaceAll('\r', '') }
}

function pattern(expected) {
  const parts = expected.split(/(\d+|…)/).map((part) => {
    if (part === '…') return '[^]*'
    return /^\d/.test(part) ? '\\d+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}$`)
}

function checkDockerfile(text) {
  for (const line of text.trimEnd().split('\n')) {
    const [, , words] = line.match(INSTRUCTION) ?? assert.fail(line)
    if (words.startsWith('[')) JSON.parse(words)
  }
}

async function freePort() {
  const server = net.createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return String(port)
}
