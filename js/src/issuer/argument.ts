// What callers hand over, read strictly: a misspelt name is a fault, not an absent value.
import { member } from '../member.js'
import { expected } from './error.js'

/** Up to the year 9999, as verifiers read times. */
const MAX_TIME = 253_402_300_799
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** The object, if all its members are called like this. */
export function checkMembers<T extends object>(
  place: string,
  value: T,
  names: readonly string[],
): T {
  if (typeof value !== 'object' || value === null) throw expected(place, 'an object')
  const unknown = Object.keys(value).find((name) => !names.includes(name))
  if (unknown !== undefined) throw expected(place, `one of ${names.join(', ')}; found ${unknown}`)
  return value
}

/** Seconds, given as a whole number of them or as `30s`, `10m`, `6h`, `1d`. */
export function readDuration(place: string, value: string | number): number {
  const [, digits, unit] = /^(\d+)([smhd])$/.exec(String(value)) ?? []
  const seconds = typeof value === 'number' ? value : Number(digits) * (UNITS[unit ?? ''] ?? NaN)
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_TIME) return seconds
  throw expected(place, 'whole seconds, or a text such as `30s`, `10m`, `6h` or `1d`')
}

/** A time in whole seconds since 1970. */
export function readTime(place: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= MAX_TIME) return value
  throw expected(place, 'whole seconds since 1970')
}

/** When to act: what `now` says in seconds, or else the clock of the host. */
export function readNow(options: { now?: number } | undefined): number {
  const now = member(checkMembers('the options', options ?? {}, ['now']), 'now')
  return readTime('now', Math.floor(now ?? Date.now() / 1000))
}

/** A name as verifiers take it: not empty, without control characters and halves of characters. */
export function readName(place: string, value: string): string {
  if (typeof value === 'string' && /^[^\p{Cc}\p{Surrogate}]+$/u.test(value)) return value
  throw expected(place, 'a text that is not empty, without control characters')
}

/** Names, of which there may be none. */
export function readNames(place: string, value: readonly string[]): readonly string[] {
  if (!Array.isArray(value)) throw expected(place, 'an array of names')
  return value.map((one, index) => readName(`${place}[${index}]`, one as string))
}
