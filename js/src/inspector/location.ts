// Where a token has failed, for reasons that more than one check gives.
import type { Reason } from '../error.js'
import { CHECK_OF, type CheckName } from './checks.js'

/** What is known of a refusal. */
export interface Refused {
  readonly code: Reason
  readonly claim: string | undefined
}

/** Claims whose types are checked before anything else of them. */
const TYPED = ['iss', 'aud', 'nbf', 'iat', 'sub', 'jti', 'client_id']
const MISSING = new Map<string | undefined, CheckName>([
  ['iss', 'issuer'],
  ['aud', 'audience'],
  ['exp', 'end'],
  ['iat', 'lifetime'],
])
/** RFC 7519 section 2, up to the year 9999. */
const LAST_SECOND = 253_402_300_799

/** Whether a claim has the form of a time. */
export function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= LAST_SECOND
}

/**
 * The check that has refused a token. `probe` gives the reason for which the same token is refused if another signature
 * is in the place of its own: what comes before the signature gives the same reason again.
 */
export function locate(
  { code, claim }: Refused,
  token: string,
  claims: Readonly<Record<string, unknown>>,
  probe: (token: string) => Reason | undefined,
): CheckName {
  switch (code) {
    case 'malformed': {
      const signature = token.slice(token.lastIndexOf('.') + 1)
      // The last of 86 characters has four bits to spare, which have to be zero.
      if (signature.length === 86)
        return /^[\w-]{85}[AQgw]$/.test(signature) && isAfterSignature(token, probe)
          ? 'claims'
          : 'form'
      const isText = /^[\w-]+$/.test(signature) && signature.length % 4 !== 1
      return isText && probe(withSignature(token)) !== 'malformed' ? 'length' : 'form'
    }
    case 'keys_unavailable':
      return isAfterSignature(token, probe) ? 'age of the keys' : 'key'
    case 'claim_missing':
      return MISSING.get(claim) ?? 'required claims'
    case 'claim_invalid':
      if (claim === 'exp') return isNumericDate(claims.exp) ? 'lifetime' : 'claims'
      return claim === undefined || TYPED.includes(claim) ? 'claims' : 'required claims'
    case 'expired':
      return claim === 'iat' ? 'lifetime' : 'end'
    default:
      return CHECK_OF[code]
  }
}

function isAfterSignature(token: string, probe: (token: string) => Reason | undefined): boolean {
  return probe(withSignature(token)) === 'bad_signature'
}

/** The token with a signature that no key has made, of the right length. */
function withSignature(token: string): string {
  return token.slice(0, token.lastIndexOf('.') + 1) + 'A'.repeat(86)
}
