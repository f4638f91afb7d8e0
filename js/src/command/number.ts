// Numbers as serde_json reads and writes them, for what the command in Rust shows or notes down.

/** The largest of 64 bits, without and with a sign. */
export const MAX_U64 = 2n ** 64n - 1n
const MIN_I64 = -(2n ** 63n)
/** Powers of ten that a double holds. */
const MAX_POWER = 308

/** A whole number of 64 bits without a sign, if a text is one. */
export function readWhole(text: string): bigint | undefined {
  if (!/^\d+$/.test(text)) return undefined
  const value = BigInt(text)
  return value <= MAX_U64 ? value : undefined
}

/** The text of a number as it is shown. `undefined` if no double is as large. */
export function showNumber(text: string): string | undefined {
  if (/^\d+$/.test(text) && BigInt(text) <= MAX_U64) return text
  if (/^-\d+$/.test(text) && BigInt(text) >= MIN_I64 && BigInt(text) < 0n) return text
  const value = readDouble(text)
  if (value === undefined) return undefined
  if (Object.is(value, -0)) return '-0.0'
  const exponential = value.toExponential()
  const exponent = Number(exponential.split('e')[1])
  if (exponent < -5 || exponent > 15) return exponential
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

/**
 * The double that serde_json makes of a number: in two roundings, so that it may be the neighbour of the nearest.
 * `undefined` if no double is as large.
 */
export function readDouble(text: string): number | undefined {
  const [, sign, whole = '', fraction = '', written = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  let significand = 0n
  /** Takes digits while they fit, and tells how many did. */
  const take = (digits: string) => {
    let taken = 0
    for (const digit of digits) {
      const next = significand * 10n + BigInt(digit)
      if (next > MAX_U64) break
      significand = next
      taken++
    }
    return taken
  }
  let exponent = whole.length - take(whole)
  exponent -= take(fraction)
  exponent += Number(written)
  const value = scale(Number(significand), exponent)
  return value !== undefined && sign === '-' ? -value : value
}

function scale(significand: number, exponent: number): number | undefined {
  let [value, power] = [significand, exponent]
  while (value !== 0 && Math.abs(power) > MAX_POWER) {
    if (power > 0) return undefined
    value /= Number(`1e${MAX_POWER}`)
    power += MAX_POWER
  }
  if (value === 0) return 0
  // 10 to this power as it is rounded once, which `**` does not promise.
  const factor = Number(`1e${Math.abs(power)}`)
  const scaled = power < 0 ? value / factor : value * factor
  return Number.isFinite(scaled) ? scaled : undefined
}
