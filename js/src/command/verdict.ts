// `verify`: a bare token. `decide`: a whole request.
import { requireFlags, type Flags } from './arguments.js'
import { checkWhole } from './check.js'
import { readNow } from './clock.js'
import { Verifier, type Outcome } from './core_verifier.js'
import { report } from './report.js'
import { readRequest } from './request_file.js'
import type { Subcommand } from './subcommand.js'
import { print, readToken, say } from './terminal.js'

const config = {
  help: 'The configuration, the same document that Envoy and JavaScript read',
  value: 'FILE',
  required: true,
} as const
const now = {
  help: "Seconds since 1970; the machine's clock if absent",
  value: 'SECS',
  empty: true,
  check: checkWhole,
} as const

const ofToken: Flags = {
  config,
  now,
  'token-file': { help: 'The token; standard input if absent', value: 'FILE' },
}

export const verify: Subcommand = {
  about: 'Verify a bare token; rules do not apply',
  flags: ofToken,
  run: async (given) => {
    requireFlags(given, ofToken, ['config'])
    const verifier = Verifier.read(given.only('config'))
    const now = readNow(given.get('now'))
    const token = await readToken(given.get('token-file'))
    return tell(verifier.token(token, now))
  },
}

const ofRequest: Flags = {
  config,
  request: {
    help: 'The request: {"method","path","headers":[[name,value]...]}',
    value: 'FILE',
    required: true,
  },
  now,
}

export const decide: Subcommand = {
  about: 'Decide about a whole request',
  flags: ofRequest,
  run: (given) => {
    requireFlags(given, ofRequest, ['config', 'request'])
    const verifier = Verifier.read(given.only('config'))
    const now = readNow(given.get('now'))
    return tell(verifier.request(readRequest(given.only('request')), now))
  },
}

/** Prints the verdict, and says what is wrong: on standard error, so that the verdict stays one line. */
function tell(outcome: Outcome): number {
  print(report(outcome))
  if (outcome.verdict !== 'allow') say(outcome.message)
  return outcome.verdict === 'deny' ? 1 : 0
}
