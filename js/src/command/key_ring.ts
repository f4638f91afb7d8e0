// What `keys.json` says, with every digit and in its order: what is not ours to change stays as it is.
import { Failure } from './failure.js'
import { InvalidJson, NumberText, readJson, STRICT, type Json, type JsonObject } from './json.js'
import { writeLines } from './json_text.js'
import { readWhole } from './number.js'
import { privateJwk, type PrivateKey } from './private_key.js'

/** The text is no key ring: what was expected. It shows nothing of it. */
export class InvalidKeyRing extends Error {}

const expected = (place: string) => new InvalidKeyRing(`expected what keygen writes: ${place}`)
const zero = new NumberText('0')

/** A key and its time. */
type StoredKey = JsonObject

export class KeyRing {
  readonly #ring: JsonObject
  readonly #keys: readonly StoredKey[]

  private constructor(ring: JsonObject, keys: readonly StoredKey[]) {
    this.#ring = ring
    this.#keys = keys
  }

  /** One with a key that signs at once. */
  static of(key: PrivateKey): KeyRing {
    const stored: StoredKey = new Map<string, Json>([
      ['jwk', privateJwk(key)],
      ['signs_from', zero],
    ])
    const ring = new Map<string, Json>([
      ['version', new NumberText('1')],
      ['sequence', zero],
      ['keys', [stored]],
      ['rules', []],
    ])
    return new KeyRing(ring, [stored])
  }

  /** Reads one, and throws an `InvalidKeyRing` for what is none. */
  static read(text: Uint8Array): KeyRing {
    let ring: Json
    try {
      ring = readJson(text, STRICT)
    } catch (error) {
      throw error instanceof InvalidJson ? expected(error.message) : error
    }
    if (!hasMembers(ring, ['version', 'sequence', 'keys', 'rules'])) throw expected('/')
    if (readTime(ring.get('version')) !== 1n) throw new InvalidKeyRing('/version: expected 1')
    if (readTime(ring.get('sequence')) === undefined) throw expected('/sequence')
    if (!Array.isArray(ring.get('rules'))) throw expected('/rules')
    const keys = ring.get('keys')
    if (!Array.isArray(keys)) throw expected('/keys')
    return new KeyRing(
      ring,
      keys.map((key, index) => readStored(key, `/keys/${index}`)),
    )
  }

  write(): string {
    return `${writeLines(this.#ring)}\n`
  }

  /** The key that signs now: the last whose time has come. */
  signer(now: bigint): StoredKey {
    let signer: StoredKey | undefined
    for (const key of this.#keys) {
      const ends = readTime(key.get('ends'))
      if (from(key) > now || (ends !== undefined && now >= ends)) continue
      if (!signer || from(key) >= from(signer)) signer = key
    }
    if (!signer) throw new Failure('no key signs at this time')
    return signer
  }
}

/** Notes down that a key has signed a token which ends then. */
export function note(key: StoredKey, id: string, tokenEnds: bigint, now: bigint): void {
  const ends = readTime(key.get('ends'))
  if (ends !== undefined && tokenEnds > ends)
    throw new Failure(
      `--ttl: expected at most ${ends > now ? ends - now : 0}s: the key ${id} ends at ${ends}, and its tokens with ` +
        'it; for longer ones wait until the next key signs (`status` shows when)',
    )
  const last = readTime(key.get('last_token')) ?? 0n
  key.set('last_token', new NumberText(String(tokenEnds > last ? tokenEnds : last)))
}

function readStored(key: Json, place: string): StoredKey {
  if (!hasMembers(key, ['jwk', 'signs_from'], ['ends', 'last_token'])) throw expected(place)
  for (const name of ['signs_from', 'ends', 'last_token']) {
    const time = key.get(name)
    // Which is how somebody may spell that there is none.
    if (time === null && name !== 'signs_from') key.delete(name)
    else if (time !== undefined && readTime(time) === undefined) throw expected(`${place}/${name}`)
  }
  return key
}

function hasMembers(
  value: Json,
  needed: readonly string[],
  more: readonly string[] = [],
): value is JsonObject {
  return (
    value instanceof Map &&
    needed.every((name) => value.has(name)) &&
    [...value.keys()].every((name) => needed.includes(name) || more.includes(name))
  )
}

const readTime = (value: Json | undefined) =>
  value instanceof NumberText ? readWhole(value.text) : undefined

const from = (key: StoredKey) => readTime(key.get('signs_from')) ?? 0n
