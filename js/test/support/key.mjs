// A new Ed25519 key. Not from `generateKeyPairSync`: in Node 20 the export of such a key as a JWK can wait for ever, if
// the garbage collector runs inside of it and ends the job that made the key, which wants the lock that the export
// holds.
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'

/** RFC 8410 section 7: what stands before the 32 bytes of a key. */
const ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')
const X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex')

const make = (prefix) =>
  createPrivateKey({
    key: Buffer.concat([prefix, randomBytes(32)]),
    format: 'der',
    type: 'pkcs8',
  })

export function newKey() {
  const privateKey = make(ED25519)
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

/** A key that tokens are encrypted for, as two JWKs. */
export function newDecryptionKey(kid) {
  const { d, ...members } = make(X25519).export({ format: 'jwk' })
  return { privateJwk: { ...members, kid, d }, publicJwk: { ...members, kid } }
}
