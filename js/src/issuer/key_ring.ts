// The keys of an issuer, in the form in which the command keeps them: `keys.json`.
import { member } from '../member.js'
import { encode } from './claims.js'
import { expected, IssuerError } from './error.js'
import { isPublished } from './published_keys.js'

/** A private Ed25519 key (RFC 8037 section 2). */
export interface SigningJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly kid: string
  readonly x: string
  readonly d: string
}

/** A key and its time, in seconds since 1970. */
export interface StoredKey {
  readonly jwk: SigningJwk
  /** It is published at once, and signs from this second on. */
  readonly signs_from: number
  /** Its tokens are good until here; it has a successor then. */
  readonly ends?: number
  /** The latest `exp` that it has signed. */
  readonly last_token?: number
}

/** What has to last, secrets included: `keys.json` of the command. */
export interface KeyRing {
  readonly version: 1
  /** Of the last trust bundle. */
  readonly sequence: number
  readonly keys: readonly StoredKey[]
  /** Revocation rules, as they stand in a bundle. */
  readonly rules: readonly unknown[]
}

/** A public key as a receiver gets it: a `Jwk` of the verifier, which an interface would not be. */
export type PublicJwk = {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly kid: string
  readonly use: 'sig'
  readonly alg: 'EdDSA'
  readonly x: string
  /** When the key ends, in seconds since 1970. */
  readonly exp?: number
}

/** How many a verifier takes, and how many bytes of a key id. */
const MAX_KEYS = 64
const MAX_KEY_ID = 256

const ALGORITHM = 'Ed25519'
const bytes = (text: string) => new TextEncoder().encode(text)

/** @internal A key that signs, and cannot be read any more. */
export interface Signer {
  readonly id: string
  sign(signed: string): Promise<string>
}

/** @internal Makes a private key; without an id it gets its thumbprint (RFC 7638). */
export async function generateKey(id?: string): Promise<SigningJwk> {
  if (id !== undefined && !isKeyId(id)) throw expected('keyId', `1 to ${MAX_KEY_ID} bytes`)
  const pair = (await crypto.subtle.generateKey(ALGORITHM, true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair
  const { x, d } = (await crypto.subtle.exportKey('jwk', pair.privateKey)) as SigningJwk
  // RFC 8037 appendix A.3.
  const thumbprint = () =>
    crypto.subtle.digest('SHA-256', bytes(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`))
  const kid = id ?? encode(new Uint8Array(await thumbprint()))
  return { kty: 'OKP', crv: 'Ed25519', kid, x, d }
}

/**
 * @internal Imports a private key that has been read, and tries it: halves that do not belong together would leak the
 * secret.
 */
export async function importKey({ kid, x, d }: SigningJwk): Promise<Signer> {
  const { subtle } = crypto
  const [kty, crv] = ['OKP', 'Ed25519']
  const wrong = () => expected(`the key ${kid}`, '`x` that belongs to `d`', 'invalid_key_ring')
  try {
    const [secret, open] = await Promise.all([
      subtle.importKey('jwk', { kty, crv, x, d }, ALGORITHM, false, ['sign']),
      subtle.importKey('jwk', { kty, crv, x }, ALGORITHM, false, ['verify']),
    ])
    const sign = (signed: string) => subtle.sign(ALGORITHM, secret, bytes(signed))
    if (!(await subtle.verify(ALGORITHM, open, await sign(''), bytes('')))) throw wrong()
    return { id: kid, sign: async (signed) => encode(new Uint8Array(await sign(signed))) }
  } catch (error) {
    if ((error as Error | undefined)?.name === 'NotSupportedError')
      throw new Error('this runtime has no Ed25519 in its Web Crypto', { cause: error })
    // Without the cause, which might show a part of the key.
    throw wrong()
  }
}

/** @internal The ring, if it has the form of one. A fault names the place, and shows nothing of it. */
export function readKeyRing(ring: KeyRing): KeyRing {
  const wrong = (place: string, what: string) => expected(`keys${place}`, what, 'invalid_key_ring')
  if (member(ring, 'version') !== 1)
    throw wrong('.version', '1: `keys.json`, as `datakit-token keygen` writes it')
  const { sequence, keys, rules } = ring
  if (!Number.isSafeInteger(sequence)) throw wrong('.sequence', 'a whole number')
  if (!Array.isArray(rules)) throw wrong('.rules', 'an array')
  if (!Array.isArray(keys) || keys.length === 0) throw wrong('.keys', 'at least one key')
  for (const [index, { jwk, signs_from, ends, last_token }] of (keys as StoredKey[]).entries()) {
    const at = `.keys[${index}]`
    const { kty, crv, kid, x, d } = jwk ?? {}
    if (kty !== 'OKP' || crv !== 'Ed25519' || !isKeyId(kid))
      throw wrong(`${at}.jwk`, 'a private Ed25519 JWK with `kid`')
    const isKey = (text: unknown) => typeof text === 'string' && /^[\w-]{43}$/.test(text)
    if (!isKey(x) || !isKey(d) || /^A+$/.test(d))
      throw wrong(`${at}.jwk`, '`x` and `d` of 43 characters')
    if (isPublished(x)) throw wrong(`${at}.jwk`, 'a key of your own: everybody can read this one')
    if ([signs_from, ends ?? 0, last_token ?? 0].some((time) => !Number.isSafeInteger(time)))
      throw wrong(at, 'times in whole seconds since 1970')
  }
  return structuredClone(ring)
}

/** @internal The key that signs now: the last whose time has come. */
export function currentKey({ keys }: KeyRing, now: number): StoredKey {
  const ready = keys.filter(
    ({ signs_from, ends }) => signs_from <= now && (ends === undefined || now < ends),
  )
  const [first, ...others] = ready
  if (first === undefined) throw new IssuerError('no_signer', 'no key signs at this time')
  return others.reduce((last, key) => (key.signs_from >= last.signs_from ? key : last), first)
}

/** @internal Notes down that a key signs a token which ends then; refuses one that would outlive its key. */
export function note(ring: KeyRing, id: string, tokenEnds: number): KeyRing {
  return update(ring, id, (key) => {
    if (key.ends !== undefined && tokenEnds > key.ends)
      throw new IssuerError(
        'outlives_key',
        `the key ${id} ends at ${key.ends}, and its tokens with it: expected a shorter lifetime`,
      )
    return { ...key, last_token: Math.max(key.last_token ?? 0, tokenEnds) }
  })
}

/**
 * @internal Adds a key that signs from `from` on. Those before it end `period` seconds later, or with their last tokens
 * if those end later and `early` does not say otherwise. Keys that have ended go.
 */
export function addKey(
  ring: KeyRing,
  jwk: SigningJwk,
  { now, from, period, early }: { now: number; from: number; period: number; early: boolean },
): KeyRing {
  const keys = ring.keys.filter(({ ends }) => ends === undefined || now < ends)
  if (keys.length >= MAX_KEYS)
    throw new IssuerError(
      'too_many_keys',
      `${MAX_KEYS} keys are in use already: wait until the first of them ends`,
    )
  if (keys.some((key) => key.jwk.kid === jwk.kid))
    throw new IssuerError('key_id_in_use', 'expected an id that no other key has')
  if (ring.rules.some((rule) => member(member(rule as Rule, 'header'), 'kid') === jwk.kid))
    throw new IssuerError('key_id_revoked', 'expected an id that no rule revokes')
  const planned = from + period
  const ended = keys.map((key) =>
    key.ends === undefined
      ? { ...key, ends: early ? planned : Math.max(key.last_token ?? 0, planned) }
      : key,
  )
  return { ...ring, keys: [...ended, { jwk, signs_from: from }] }
}

/** @internal The public keys, each with its end. */
export function publicKeys({ keys }: KeyRing): readonly PublicJwk[] {
  return keys.map(({ jwk: { kty, crv, kid, x }, ends }) => ({
    kty,
    crv,
    kid,
    use: 'sig',
    // Not `Ed25519` (RFC 9864): Envoy's own filter refuses to start with it.
    alg: 'EdDSA',
    x,
    ...(ends !== undefined && { exp: ends }),
  }))
}

interface Rule {
  readonly header?: { readonly kid?: string }
}

function update(ring: KeyRing, id: string, change: (key: StoredKey) => StoredKey): KeyRing {
  return { ...ring, keys: ring.keys.map((key) => (key.jwk.kid === id ? change(key) : key)) }
}

function isKeyId(id: unknown): id is string {
  return (
    typeof id === 'string' &&
    id !== '' &&
    bytes(id).length <= MAX_KEY_ID &&
    !/\p{Surrogate}/u.test(id)
  )
}
