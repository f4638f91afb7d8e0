// A private key and its JWK (RFC 8037 section 2), with the checks of `crates/issuer/src/private_key.rs`.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  randomBytes,
  sign,
  type KeyObject,
} from 'node:crypto'
import { isPublished } from '../issuer/published_keys.js'
import type { Json, JsonObject } from './json.js'

/** RFC 8410 section 7: what stands before the 32 bytes of a key. */
const PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const MAX_KEY_ID = 256

/** What was expected of a JWK that is no private key. It shows nothing of it. */
export class InvalidJwk extends Error {}

/** A key that signs. */
export interface PrivateKey {
  readonly id: string
  /** The public half, and the private one, in base64url. */
  readonly x: string
  readonly d: string
  sign(signed: string): string
}

/** Makes a key; without an id it gets its thumbprint (RFC 7638). */
export function generate(id?: string): PrivateKey {
  const key = ofSeed(randomBytes(32))
  const { x, d } = key.export({ format: 'jwk' }) as { x: string; d: string }
  // RFC 8037 appendix A.3.
  const members = `{"crv":"Ed25519","kty":"OKP","x":"${x}"}`
  return signer(key, id ?? createHash('sha256').update(members).digest('base64url'), x, d)
}

/** Reads a private JWK. */
export function readPrivateJwk(jwk: Json | undefined): PrivateKey {
  const members: JsonObject = jwk instanceof Map ? jwk : new Map()
  const text = (name: string) => {
    const value = members.get(name)
    return typeof value === 'string' ? value : undefined
  }
  if (text('kty') !== 'OKP' || text('crv') !== 'Ed25519')
    throw new InvalidJwk('`kty` `OKP` and `crv` `Ed25519`')
  const id = text('kid')
  if (!id) throw new InvalidJwk('`kid`')
  const [x, d] = [bytes(text('x')), bytes(text('d'))]
  if (!d?.some((byte) => byte !== 0)) throw new InvalidJwk('`d` of 43 characters')
  if (!x) throw new InvalidJwk('`x` of 43 characters')
  const key = ofSeed(d)
  // Two halves that do not belong together would leak the secret (RUSTSEC-2022-0093).
  const own = createPublicKey(key as never).export({ format: 'jwk' }).x as string
  if (own !== x.toString('base64url')) throw new InvalidJwk('`x` that belongs to `d`')
  if (isPublished(own))
    throw new InvalidJwk(
      'a key of your own, as `datakit-token keygen` makes them: everybody can read this one',
    )
  return signer(key, id, own, d.toString('base64url'))
}

/** The private JWK, its members in the order of the alphabet. */
export const privateJwk = ({ id, x, d }: PrivateKey): JsonObject =>
  new Map<string, Json>([
    ['crv', 'Ed25519'],
    ['d', d],
    ['kid', id],
    ['kty', 'OKP'],
    ['x', x],
  ])

/** The public JWK. `EdDSA` and not `Ed25519`: Envoy's own filter refuses to start with the latter. */
export const publicJwk = ({ id, x }: PrivateKey): JsonObject =>
  new Map<string, Json>([
    ['kty', 'OKP'],
    ['crv', 'Ed25519'],
    ['kid', id],
    ['use', 'sig'],
    ['alg', 'EdDSA'],
    ['x', x],
  ])

/** An id that every verifier takes; otherwise what was expected. */
export function checkKeyId(id: string): string | undefined {
  const length = Buffer.byteLength(id)
  return length === 0 || length > MAX_KEY_ID ? `expected 1 to ${MAX_KEY_ID} bytes` : undefined
}

/** base64url in its only spelling (RFC 7515 section 2). */
export function decodeBase64url(text: string): Buffer | undefined {
  const decoded = Buffer.from(text, 'base64url')
  return decoded.toString('base64url') === text ? decoded : undefined
}

function bytes(text: string | undefined): Buffer | undefined {
  const decoded = text === undefined ? undefined : decodeBase64url(text)
  return decoded?.length === 32 ? decoded : undefined
}

// Not from `generateKeyPairSync`: in Node 20 the export of such a key can wait for ever, and its Web Crypto warns that
// Ed25519 is an experiment.
const ofSeed = (seed: Buffer): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PREFIX, seed]), format: 'der', type: 'pkcs8' })

const signer = (key: KeyObject, id: string, x: string, d: string): PrivateKey => ({
  id,
  x,
  d,
  sign: (signed) => sign(null, Buffer.from(signed), key).toString('base64url'),
})
