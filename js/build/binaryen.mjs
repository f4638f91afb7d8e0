// The tools of binaryen, as its package has them.
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const tools = join(dirname(createRequire(import.meta.url).resolve('binaryen/package.json')), 'bin')

/** Runs a tool and gives what it prints. */
export const binaryen = (tool, ...words) =>
  execFileSync(process.execPath, [join(tools, tool), ...words])
