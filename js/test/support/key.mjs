// A new Ed25519 key. Not from `generateKeyPairSync`: in Node 20 the export of such a key as a JWK can wait for ever, if
// the garbage collector runs inside of it and ends the job that made the key, which wants the lock that the export
// holds.
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'

/** RFC 8410 section 7: what stands before the 32 bytes of the key. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

export function newKey() {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8, randomBytes(32)]),
    format: 'der',
    type: 'pkcs8',
  })
  return { privateKey, publicKey: createPublicKey(privateKey) }
}
