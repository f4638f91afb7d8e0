// The key directory that `keygen` makes, here or in Rust: `keys.json` is replaced whole, so that a crash at any point
// leaves either the old state or the new one.
import { existsSync, rmSync } from 'node:fs'
import { Failure, failureAt } from './failure.js'
import { checkDirectory, create, readSecret, replace, within } from './files.js'
import { InvalidJson, NumberText, readJson, STRICT, type Json, type JsonObject } from './json.js'
import { writeLines } from './json_text.js'
import { readWhole } from './number.js'
import { InvalidJwk, privateJwk, readPrivateJwk, type PrivateKey } from './private_key.js'

const STATE = 'keys.json'
// The command in Rust holds `flock` on `DIR/lock`, which Node has not. So each of them waits for its own kind only; that
// the state has not changed meanwhile is looked at again before it is replaced.
const LOCK = 'lock.npx'
/** Milliseconds. */
const PATIENCE = 10_000
const PAUSE = 20

/** Writes the state of a directory that has one key, which signs at once. */
export function createState(directory: string, key: PrivateKey): void {
  whileLocked(directory, () => {
    const file = within(directory, STATE)
    if (existsSync(file)) throw failureAt(file, 'expected no such file: keys are never overwritten')
    const stored = new Map<string, Json>([
      ['jwk', privateJwk(key)],
      ['signs_from', new NumberText('0')],
    ])
    const ring = new Map<string, Json>([
      ['version', new NumberText('1')],
      ['sequence', new NumberText('0')],
      ['keys', [stored]],
      ['rules', []],
    ])
    replace(file, `${writeLines(ring)}\n`, 0o600)
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
    const ring = readRing(file, text)
    const stored = currentKey(ring, BigInt(now))
    const key = readKey(file, stored)
    const token = makeToken(key)
    if (token.ends !== undefined) note(stored, key.id, token.ends, BigInt(now))
    if (!readSecret(file).equals(text))
      throw failureAt(
        file,
        'somebody else has changed it just now: expected to be alone; try again',
      )
    replace(file, `${writeLines(ring)}\n`, 0o600)
    return token
  })
}

function whileLocked<T>(directory: string, action: () => T): T {
  const file = within(directory, LOCK)
  const end = Date.now() + PATIENCE
  for (;;) {
    try {
      create(file, '', 0o600)
      break
    } catch (error) {
      if (!existsSync(file)) throw error
      if (Date.now() >= end)
        throw failureAt(
          file,
          'somebody else has locked the directory; remove this file if nobody has',
        )
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE)
    }
  }
  try {
    return action()
  } finally {
    rmSync(file, { force: true })
  }
}

/** The state, if it has the form of one. */
function readRing(file: string, text: Buffer): JsonObject {
  const expected = (place: string) => failureAt(file, `expected what keygen writes: ${place}`)
  let ring: Json
  try {
    ring = readJson(text, STRICT)
  } catch (error) {
    throw error instanceof InvalidJson ? expected(error.message) : error
  }
  if (!hasMembers(ring, ['version', 'sequence', 'keys', 'rules'])) throw expected('/')
  if (readTime(ring.get('version')) !== 1n) throw failureAt(file, '/version: expected 1')
  if (readTime(ring.get('sequence')) === undefined) throw expected('/sequence')
  if (!Array.isArray(ring.get('rules'))) throw expected('/rules')
  for (const [index, key] of keysOf(ring, expected).entries()) {
    if (!hasMembers(key, ['jwk', 'signs_from'], ['ends', 'last_token']))
      throw expected(`/keys/${index}`)
    for (const name of ['signs_from', 'ends', 'last_token']) {
      const time = key.get(name)
      // Without an end is what `null` says as well.
      if (time === null && name !== 'signs_from') key.delete(name)
      else if (time !== undefined && readTime(time) === undefined)
        throw expected(`/keys/${index}/${name}`)
    }
  }
  return ring
}

function keysOf(ring: JsonObject, expected: (place: string) => Failure): Json[] {
  const keys = ring.get('keys')
  if (!Array.isArray(keys)) throw expected('/keys')
  return keys
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

/** The last whose time has come. */
function currentKey(ring: JsonObject, now: bigint): JsonObject {
  let current: JsonObject | undefined
  for (const key of ring.get('keys') as JsonObject[]) {
    const [from, ends] = [readTime(key.get('signs_from')) ?? 0n, readTime(key.get('ends'))]
    if (from > now || (ends !== undefined && now >= ends)) continue
    if (!current || from >= (readTime(current.get('signs_from')) ?? 0n)) current = key
  }
  if (!current) throw new Failure('no key signs at this time')
  return current
}

function readKey(file: string, stored: JsonObject): PrivateKey {
  try {
    return readPrivateJwk(stored.get('jwk'))
  } catch (error) {
    throw error instanceof InvalidJwk ? failureAt(file, error.message) : error
  }
}

function note(stored: JsonObject, id: string, tokenEnds: bigint, now: bigint): void {
  const ends = readTime(stored.get('ends'))
  if (ends !== undefined && tokenEnds > ends)
    throw new Failure(
      `--ttl: expected at most ${ends > now ? ends - now : 0}s: the key ${id} ends at ${ends}, and its tokens with it; ` +
        'for longer ones wait until the next key signs (`status` shows when)',
    )
  const last = readTime(stored.get('last_token')) ?? 0n
  stored.set('last_token', new NumberText(String(tokenEnds > last ? tokenEnds : last)))
}
