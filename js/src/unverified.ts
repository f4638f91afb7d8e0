// What a token says, unverified: for people and for pages, never for a decision.
import type { Claims } from './claims.js'
import { TokenError } from './error.js'
import { freeze } from './freeze.js'

/** Nested arrays and objects of a token, as in the core: whoever walks through the claims must not run out of stack. */
const LEVELS = 32

/**
 * What a token says of itself. Anybody may have written it: no member has the name that a verified token has for it, so
 * that neither is taken for the other.
 */
export interface UnverifiedToken {
  /** The header; of an encrypted token the outer one. */
  readonly unverifiedHeader: Claims
  /** The claims, as `JSON.parse` reads them; `undefined` of an encrypted token, whose receiver alone can read them. */
  readonly unverifiedClaims: Claims | undefined
}

/**
 * Shows what a token says, WITHOUT VERIFYING IT: for a name on a page, or the time at which to get the next one.
 * Whether it is good, and what it allows, `verify` and `decide` say.
 *
 * Throws a `TokenError` with `malformed` for what does not have the form of a token (RFC 7515 section 7.1, RFC 7516
 * section 7.1).
 */
export function decodeUnverified(token: string): UnverifiedToken {
  const segments = typeof token === 'string' ? token.split('.') : []
  const isEncrypted = segments.length === 5
  if (segments.length !== 3 && !isEncrypted) throw malformed()
  const [header, payload] = segments
  return Object.freeze({
    unverifiedHeader: read(header),
    unverifiedClaims: isEncrypted ? undefined : read(payload),
  })
}

/** A segment: base64url of the JSON of an object. */
function read(segment: string | undefined): Claims {
  try {
    if (segment === undefined || !/^[\w-]+$/.test(segment)) throw malformed()
    const bytes = atob(segment.replaceAll('-', '+').replaceAll('_', '/'))
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(bytes, (character) => character.charCodeAt(0)),
    )
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed()
    if (!isWithin(value, LEVELS)) throw malformed()
    return freeze(value as Record<string, unknown>)
  } catch {
    // Without the cause, which would show parts of the token.
    throw malformed()
  }
}

/** Whether nothing in a value lies deeper than so many levels. */
function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((member) => isWithin(member, levels - 1))
}

const malformed = () =>
  new TokenError('malformed', 'the token does not have the form of one', 401, false)
