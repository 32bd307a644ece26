// The physical limit: small C programs that make only the system calls.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Compiles a group's limit.c, and calls `use` with the program, or with null without a C compiler. */
export async function withLimit(group, use) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'procnative-bench-'))
  try {
    const program = path.join(directory, group)
    const source = fileURLToPath(new URL(`./${group}/limit.c`, import.meta.url))
    const { error, status } = spawnSync('cc', ['-O2', '-o', program, source], { stdio: 'inherit' })
    if (error || status !== 0) console.log('SKIPPED, NOT MEASURED: the limit in C needs a C compiler, cc')
    return await use(error || status !== 0 ? null : program)
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
}
