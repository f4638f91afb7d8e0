// What values of flags have to be; each says what is wrong, if anything.
import { MAX_U64 } from './number.js'

/** The end of the year 9999, as verifiers read times. */
export const MAX_TIME = 253_402_300_799
const UNITS: Readonly<Record<string, bigint>> = { s: 1n, m: 60n, h: 3600n, d: 86_400n }

/** Seconds of a duration: `30s`, `10m`, `6h`, `1d`. */
export function readDuration(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? []
  const factor = UNITS[unit]
  if (factor === undefined) return undefined
  const seconds = BigInt(digits) * factor
  return seconds <= MAX_TIME ? Number(seconds) : undefined
}

/** A duration of at least a second. */
export function checkLifetime(text: string): string | undefined {
  const seconds = readDuration(text)
  if (seconds === undefined) return 'expected a duration such as `30s`, `10m`, `6h` or `1d`'
  return seconds > 0 ? undefined : 'expected more than nothing'
}

/** A whole number of 64 bits. */
export function checkWhole(text: string): string | undefined {
  if (text === '') return 'cannot parse integer from empty string'
  if (!/^\+?\d+$/.test(text)) return 'invalid digit found in string'
  return BigInt(text.replace('+', '')) <= MAX_U64
    ? undefined
    : 'number too large to fit in target type'
}

/** A name as verifiers take it. */
export const checkName = (text: string) =>
  text === '' || /\p{Cc}/u.test(text)
    ? 'expected at least one character, and no control characters'
    : undefined
