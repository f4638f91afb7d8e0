// The key directory that `keygen` makes, here or in Rust: `keys.json` is replaced whole, so that a crash at any point
// leaves either the old state or the new one.
import { existsSync } from 'node:fs'
import { failureAt } from './failure.js'
import { checkDirectory, readSecret, replace, within } from './files.js'
import { InvalidKeyRing, KeyRing, note } from './key_ring.js'
import { whileLocked } from './lock.js'
import { InvalidJwk, readPrivateJwk, type PrivateKey } from './private_key.js'

const STATE = 'keys.json'
const MODE = 0o600

/** Writes the state of a directory that has one key. */
export function createState(directory: string, key: PrivateKey): void {
  const file = within(directory, STATE)
  whileLocked(directory, () => {
    if (existsSync(file)) throw failureAt(file, 'expected no such file: keys are never overwritten')
    replace(file, KeyRing.of(key).write(), MODE)
  })
}

/**
 * Signs with the key whose time has come, and notes down when the token ends before anybody has it: what is not noted
 * down would not keep the key.
 */
export function signAndNote<T extends { readonly ends: bigint | undefined }>(
  directory: string,
  now: number,
  makeToken: (key: PrivateKey) => T,
): T {
  const file = within(directory, STATE)
  if (!existsSync(file))
    throw failureAt(file, 'no such file: `datakit-token keygen --out DIR` makes a key directory')
  checkDirectory(directory)
  return whileLocked(directory, () => {
    const text = readSecret(file)
    const { ring, stored, key } = readFor(file, text, BigInt(now))
    const token = makeToken(key)
    if (token.ends !== undefined) note(stored, key.id, token.ends, BigInt(now))
    if (!readSecret(file).equals(text))
      throw failureAt(
        file,
        'another command has changed it just now; nothing is changed, try again',
      )
    replace(file, ring.write(), MODE)
    return token
  })
}

/** The state, and the key that signs. */
function readFor(file: string, text: Uint8Array, now: bigint) {
  try {
    const ring = KeyRing.read(text)
    const stored = ring.signer(now)
    return { ring, stored, key: readPrivateJwk(stored.get('jwk')) }
  } catch (error) {
    const isFault = error instanceof InvalidKeyRing || error instanceof InvalidJwk
    throw isFault ? failureAt(file, error.message) : error
  }
}
