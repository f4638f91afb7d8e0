// `inspect`: what a token says, unverified.
import { spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { Failure } from './failure.js'
import { InvalidJson, LENIENT, readJson, type Json } from './json.js'
import { writeCompact } from './json_text.js'
import { showNumber } from './number.js'
import { decodeBase64url } from './private_key.js'
import type { Subcommand } from './subcommand.js'
import { decode } from './text.js'
import { print, readToken, say } from './terminal.js'

export const inspect: Subcommand = {
  about: 'Show what a token says, WITHOUT VERIFYING IT',
  flags: {
    'token-file': { help: 'The token; standard input if absent', value: 'FILE' },
    page: { help: 'Open the page that shows each check; reads no token', isSwitch: true },
  },
  run: async (given) => {
    if (given.has('page')) return openPage()
    // What is no UTF-8 has no segment that is base64url.
    const segments = (decode(await readToken(given.get('token-file'))) ?? '').split('.')
    const header = show(segments[0])
    if (segments.length === 5) {
      say(
        'ENCRYPTED: its claims are for the receiver alone, who has the key; anybody may have written the header.',
      )
      print(`{"encrypted":true,"header":${header},"verified":false}`)
      return 0
    }
    const claims = show(segments[1])
    say(
      'NOT VERIFIED: anybody may have written this token. Use `datakit-token verify` before you believe it.',
    )
    print(`{"claims":${claims},"header":${header},"verified":false}`)
    return 0
  },
}

/** What opens a page on this system; none where a person opens it. */
const OPENERS: Readonly<Record<string, string>> = { darwin: 'open', linux: 'xdg-open' }

/** Says where the page is, and opens it if it can: the token is pasted there, and stays there. */
function openPage(): number {
  const page = new URL('../inspector/index.html', import.meta.url)
  print(fileURLToPath(page))
  const opener = OPENERS[process.platform]
  if (opener !== undefined) {
    const child = spawn(opener, [page.href], { detached: true, stdio: 'ignore' })
    // Without such a program, or a screen, somebody opens what has been printed.
    child.on('error', () => {})
    child.unref()
  }
  return 0
}

/** The JSON of a segment, its numbers as doubles have them. */
function show(segment: string | undefined): string {
  const malformed = () =>
    new Failure('the token: expected three segments of base64url, the first two of them JSON')
  const bytes = segment === undefined ? undefined : decodeBase64url(segment)
  if (!bytes) throw malformed()
  let value: Json
  try {
    value = readJson(bytes, LENIENT)
  } catch (error) {
    throw error instanceof InvalidJson ? malformed() : error
  }
  return writeCompact(value, ({ text }) => {
    const number = showNumber(text)
    if (number === undefined) throw malformed()
    return number
  })
}
