// Signs tokens that the verifiers of this project take, with Web Crypto alone.
import { freeze } from '../freeze.js'
import { member } from '../member.js'
import { checkMembers, readDuration, readName, readNames, readNow } from './argument.js'
import { encode, writeClaims, type TokenRequest } from './claims.js'
import { expected, IssuerError } from './error.js'
import {
  addKey,
  currentKey,
  generateKey,
  importKey,
  note,
  publicKeys,
  readKeyRing,
  type KeyRing,
  type PublicJwk,
  type Signer,
} from './key_ring.js'

/** Who issues, for whom, and with which keys. */
export interface IssuerOptions {
  /** `iss`. */
  readonly issuer: string
  /** `aud`. */
  readonly audience: string | readonly string[]
  /** What `datakit-token keygen` has written to `keys.json`, or `createKeyRing` has made. */
  readonly keys: KeyRing
  /** The longest token that the verifiers take, in bytes: their `limits.token_bytes`; 8192 if absent. */
  readonly tokenBytes?: number
}

/** When to act. */
export interface IssuerTime {
  /** Seconds since 1970; the host's clock if absent. */
  readonly now?: number
}

/** The next key, and how long the old ones stay. Times are whole seconds, or `30s`, `10m`, `6h`, `1d`. */
export interface Rotation {
  /**
   * How long the new key is published before it signs: longer than the refresh of every verifier; 10 minutes if
   * absent.
   */
  readonly lead?: string | number
  /** How long tokens of the old key stay good after the new one has taken over; a day if absent. */
  readonly securityPeriod?: string | number
  /** End the old key after the security period even if tokens that it has signed live longer. */
  readonly endTokensEarly?: boolean
  /** The key id; the key's thumbprint (RFC 7638) if absent. */
  readonly keyId?: string
}

/** A token that has just been signed. */
export interface IssuedToken {
  readonly token: string
  /** `jti`. */
  readonly id: string
  readonly keyId: string
  /** `exp`, in seconds since 1970. */
  readonly expiresAt: number
}

/** Signs tokens. */
export interface Issuer {
  /**
   * Signs a token of the type `at+jwt` (RFC 9068). Rejects with an `IssuerError` what no verifier would take: a token
   * that outlives its key, one that is too long, claims of a wrong form.
   */
  issue(request: TokenRequest, time?: IssuerTime): Promise<IssuedToken>
  /** The public keys, for `keys` of verifiers and for a URL (RFC 7517). */
  keySet(): { readonly keys: readonly PublicJwk[] }
  /** Adds the next key. Publish `keySet()` and store `keyRing()` before the lead has passed. */
  rotate(rotation?: Rotation, time?: IssuerTime): Promise<void>
  /** What has to last, SECRETS INCLUDED: the keys, and until when each has signed. */
  keyRing(): KeyRing
}

const LIMIT = 8192

/** A ring with one new key, that signs at once. */
export async function createKeyRing({ keyId }: { keyId?: string } = {}): Promise<KeyRing> {
  return freeze({
    version: 1,
    sequence: 0,
    keys: [{ jwk: await generateKey(keyId), signs_from: 0 }],
    rules: [],
  })
}

/** Makes an issuer; rejects with an `IssuerError` for options that are not complete. */
export async function createIssuer(options: IssuerOptions): Promise<Issuer> {
  checkMembers('the options', options, ['issuer', 'audience', 'keys', 'tokenBytes'])
  const issuer = readName('issuer', member(options, 'issuer') as string)
  const given = member(options, 'audience') as string | readonly string[]
  const audience = Array.isArray(given)
    ? readNames('audience', given)
    : [readName('audience', given as string)]
  if (audience.length === 0) throw expected('audience', 'at least one')
  const limit = member(options, 'tokenBytes') ?? LIMIT
  if (!Number.isSafeInteger(limit) || limit < 1) throw expected('tokenBytes', 'a number of bytes')
  let ring = readKeyRing(member(options, 'keys') as KeyRing)
  const signers = new Map<string, Signer>()
  for (const { jwk } of ring.keys) signers.set(jwk.kid, await importKey(jwk))
  return Object.freeze({
    issue: async (request: TokenRequest, time?: IssuerTime) => {
      const now = readNow(time)
      const { kid } = currentKey(ring, now).jwk
      const { text, expiresAt, id } = writeClaims(issuer, audience, request, now)
      // Sorted, as the claims are.
      const header = `{"alg":"EdDSA","kid":${JSON.stringify(kid)},"typ":"at+jwt"}`
      const parts = [header, text].map((part) => new TextEncoder().encode(part))
      // Two dots and the signature; each 3 bytes are 4 characters.
      const length = parts.reduce((sum, { length }) => sum + Math.ceil((length * 4) / 3), 88)
      if (length > limit)
        throw new IssuerError(
          'too_large',
          `the token has ${length} bytes: expected at most ${limit}`,
        )
      // Before anybody has it: what is not noted down would not keep the key.
      ring = note(ring, kid, expiresAt)
      const signed = parts.map(encode).join('.')
      const signature = await signers.get(kid)?.sign(signed)
      return Object.freeze({ token: `${signed}.${signature}`, id, keyId: kid, expiresAt })
    },
    keySet: () => freeze({ keys: publicKeys(ring) }),
    rotate: async (rotation: Rotation = {}, time?: IssuerTime) => {
      checkMembers('the rotation', rotation, ['lead', 'securityPeriod', 'endTokensEarly', 'keyId'])
      const now = readNow(time)
      const from = now + readDuration('lead', member(rotation, 'lead') ?? '10m')
      const period = readDuration('securityPeriod', member(rotation, 'securityPeriod') ?? '1d')
      const jwk = await generateKey(member(rotation, 'keyId'))
      const signer = await importKey(jwk)
      ring = addKey(ring, jwk, {
        now,
        from,
        period,
        early: member(rotation, 'endTokensEarly') === true,
      })
      signers.set(jwk.kid, signer)
    },
    keyRing: () => freeze(structuredClone(ring)),
  })
}
