// `issue`: a signed token (RFC 7515, RFC 9068).
import { requireFlags, shown, type Flags, type Given } from './arguments.js'
import { checkLifetime, checkName, checkWhole } from './check.js'
import { readNow } from './clock.js'
import { failureAt, UsageFailure } from './failure.js'
import { isDirectory, read, readSecret } from './files.js'
import { InvalidJson, LENIENT, readJson, type Json } from './json.js'
import { signAndNote } from './key_directory.js'
import { InvalidJwk, readPrivateJwk, type PrivateKey } from './private_key.js'
import type { Subcommand } from './subcommand.js'
import { print } from './terminal.js'
import { readClaims, writeClaims } from './token_claims.js'

const flags: Flags = {
  key: { help: 'Key directory, or a file with a private JWK', value: 'DIR|FILE', required: true },
  claims: { help: 'The claims as a JSON object, signed byte for byte', value: 'FILE' },
  issuer: { help: 'iss', value: 'ISSUER', empty: true },
  audience: { help: 'aud; may be repeated', value: 'AUDIENCE', repeated: true, empty: true },
  'client-id': {
    help:
      'client_id (RFC 9068 section 2.2): the credential, as one machine or one application has it; ' +
      '`replace` takes back its tokens',
    value: 'CLIENT_ID',
    empty: true,
    default: 'datakit-token',
    check: checkName,
  },
  subject: {
    help: 'sub; the client id if absent',
    value: 'SUBJECT',
    empty: true,
    check: checkName,
  },
  ttl: {
    help: 'Life of the token: 30s, 10m, 1h, 7d',
    value: 'TTL',
    empty: true,
    default: '1h',
    check: checkLifetime,
  },
  'not-before': {
    help: 'nbf, in seconds since 1970',
    value: 'NOT_BEFORE',
    empty: true,
    check: checkWhole,
  },
  jti: { help: 'jti; random if absent', value: 'JTI', empty: true },
  workspace: { help: 'workspace', value: 'WORKSPACE', empty: true, check: checkName },
  role: { help: 'A role; may be repeated', value: 'ROLES', repeated: true, empty: true },
  permission: {
    help: 'A permission; may be repeated',
    value: 'PERMISSIONS',
    repeated: true,
    empty: true,
  },
  scope: { help: 'scope, separated by spaces', value: 'SCOPE', empty: true },
  now: {
    help: "The time of issue in seconds since 1970; the machine's clock if absent",
    value: 'SECS',
    empty: true,
    check: checkWhole,
  },
  'seal-for': { help: 'Encrypt the token for a receiver' },
  alg: {
    help: 'alg',
    value: 'ALG',
    default: 'EdDSA',
    choices: ['EdDSA', 'Ed25519'],
  },
  typ: { help: 'typ', value: 'TYP', empty: true, default: 'at+jwt' },
}
/** With the claims in a file there is nothing to say about them. */
const BESIDE_CLAIMS = ['key', 'claims', 'now', 'seal-for', 'alg', 'typ']

export const issue: Subcommand = {
  about: 'Print a signed token',
  flags,
  run: (given) => {
    checkTogether(given)
    const [now, place] = [readNow(given.get('now')), given.only('key')]
    const make = (key: PrivateKey) => makeToken(given, key, now)
    const token = isDirectory(place) ? signAndNote(place, now, make) : make(readKeyFile(place))
    print(token.text)
    return 0
  },
}

function checkTogether(given: Given): void {
  const hasClaims = given.has('claims')
  const beside = Object.keys(flags).find((name) => given.has(name) && !BESIDE_CLAIMS.includes(name))
  if (hasClaims && beside !== undefined) {
    const [one, other] = ['claims', beside].map((name) => shown(name, flags[name] ?? { help: '' }))
    throw new UsageFailure(`the argument '${one}' cannot be used with '${other}'`)
  }
  requireFlags(given, flags, hasClaims ? ['key'] : ['key', 'issuer', 'audience'])
}

function readKeyFile(file: string): PrivateKey {
  const expected = (what: string) => failureAt(file, `expected a private Ed25519 JWK: ${what}`)
  const text = readSecret(file)
  let jwk: Json
  try {
    jwk = readJson(text, LENIENT)
  } catch {
    throw expected('a JSON object')
  }
  try {
    return readPrivateJwk(jwk)
  } catch (error) {
    throw error instanceof InvalidJwk ? expected(error.message) : error
  }
}

function makeToken(given: Given, key: PrivateKey, now: number) {
  const file = given.get('claims')
  const payload = file === undefined ? Buffer.from(writeClaims(given, now)) : read(file)
  // Sorted, as the claims are.
  const header = JSON.stringify({ alg: given.get('alg'), kid: key.id, typ: given.get('typ') })
  const signed = `${Buffer.from(header).toString('base64url')}.${payload.toString('base64url')}`
  try {
    return { ends: readClaims(payload), text: `${signed}.${key.sign(signed)}` }
  } catch (error) {
    if (!(error instanceof InvalidJson)) throw error
    throw failureAt(file ?? '--claims', `expected a JSON object: ${error.message}`)
  }
}
