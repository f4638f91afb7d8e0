// The command in Rust, in a directory of its own.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

/** Runs it in a directory, and gives what it prints. */
export const commandIn =
  (directory) =>
  (...words) =>
    execFileSync(join(process.env.DATAKIT_TOKEN_DIST, 'datakit-token'), words, {
      cwd: directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()

/** A directory that goes when the test or the file ends. */
export function temporaryDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'datakit-token-'))
  after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
