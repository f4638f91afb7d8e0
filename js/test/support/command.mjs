// The command `datakit-token` twice: in Rust, and of the installed package.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

const installed = join(process.env.DATAKIT_TOKEN_PACKAGE, 'node_modules/datakit-token')
/** What the package says of itself. */
export const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
export const COMMANDS = {
  rust: [join(process.env.DATAKIT_TOKEN_DIST, 'datakit-token')],
  node: [process.execPath, join(installed, manifest.bin['datakit-token'])],
}
export const BOTH = Object.keys(COMMANDS)

export const NOW = 1_790_000_000
export const ISSUER = 'https://id.example.com'

const work = mkdtempSync(join(tmpdir(), 'datakit-token-'))
after(() => rmSync(work, { recursive: true, force: true }))
/** A directory for a test, which goes when the file ends. */
export const newDirectory = () => mkdtempSync(join(work, 'test-'))

/** Runs one of both in a directory; `before` are words that run it. */
export function run(which, directory, words, { input = '', variables, before = [] } = {}) {
  const [program, ...all] = [...before, ...COMMANDS[which], ...words]
  const child = spawn(program, all, {
    cwd: directory,
    env: { ...process.env, ...variables },
    timeout: 60_000,
  })
  const texts = { stdout: '', stderr: '' }
  for (const name of Object.keys(texts)) {
    child[name].setEncoding('utf8')
    child[name].on('data', (text) => {
      texts[name] += text
    })
  }
  // Who refuses its arguments may be gone before it reads.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, ...texts }))
  })
}

/** What a command prints that has to work. */
export async function must(which, directory, ...words) {
  const { status, stdout, stderr } = await run(which, directory, words)
  assert.equal(status, 0, `${which} ${words.join(' ')}: ${stderr}`)
  return stdout.trimEnd()
}

/** All files of a directory with their contents, without the locks, of which each command has its own. */
export const contents = (directory) =>
  Object.fromEntries(
    readdirSync(directory)
      .filter((name) => !name.startsWith('lock'))
      .map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
  )

/** The modes of a directory and of its files. */
export const modes = (directory) =>
  Object.fromEntries(
    ['.', ...Object.keys(contents(directory))].map((name) => [
      name,
      (statSync(join(directory, name)).mode & 0o777).toString(8),
    ]),
  )
