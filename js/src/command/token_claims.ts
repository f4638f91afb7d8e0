// The claims of a token (RFC 9068 section 2.2), as the text that is signed.
import { randomBytes } from 'node:crypto'
import type { Given } from './arguments.js'
import { readDuration } from './check.js'
import { InvalidJson, LENIENT, NumberText, readJson, type Json } from './json.js'
import { writeCompact } from './json_text.js'
import { readDouble, readWhole } from './number.js'

/** What the flags say, sorted by the names of the claims. */
export function writeClaims(given: Given, now: number): string {
  const audience = [...given.all('audience')]
  const whole = (value: number | bigint) => new NumberText(String(value))
  const names = (name: string) => {
    const all = [...given.all(name)]
    return all.length > 0 ? all : undefined
  }
  const notBefore = given.get('not-before')
  const claims: Record<string, Json | undefined> = {
    iss: given.only('issuer'),
    aud: audience.length === 1 ? audience[0] : audience,
    // RFC 9068 section 2.2: where no person takes part, the client is the subject.
    sub: given.get('subject') ?? given.only('client-id'),
    client_id: given.only('client-id'),
    iat: whole(now),
    nbf: notBefore === undefined ? undefined : whole(BigInt(notBefore.replace('+', ''))),
    exp: whole(now + (readDuration(given.only('ttl')) ?? 0)),
    jti: given.get('jti') ?? randomBytes(16).toString('base64url'),
    workspace: given.get('workspace'),
    roles: names('role'),
    permissions: names('permission'),
    scope: given.get('scope'),
  }
  const said = Object.entries(claims).filter(([, value]) => value !== undefined)
  return writeCompact(new Map(said as [string, Json][]))
}

/**
 * `exp` of claims that are to be signed, rounded up; of a token without one, which nobody takes, nothing. Throws an
 * `InvalidJson` for what is no object.
 */
export function readClaims(payload: Buffer): bigint | undefined {
  const claims = readJson(payload, LENIENT)
  if (!(claims instanceof Map)) throw new InvalidJson('found another value')
  checkNumbers(claims)
  const exp = claims.get('exp')
  if (!(exp instanceof NumberText)) return undefined
  const whole = readWhole(exp.text)
  if (whole !== undefined) return whole
  const time = readDouble(exp.text)
  if (time === undefined || !(time >= 0 && time < 1e15)) return undefined
  return BigInt(Math.ceil(time))
}

function checkNumbers(value: Json): void {
  if (value instanceof NumberText) {
    if (readWhole(value.text) === undefined && readDouble(value.text) === undefined)
      throw new InvalidJson('number out of range')
  } else if (Array.isArray(value)) value.forEach(checkNumbers)
  else if (value instanceof Map) [...value.values()].forEach(checkNumbers)
}
