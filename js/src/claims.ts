// Claims as an application sees them: exact, frozen, and compared with what it knows.
/** Claims as JSON gives them; integers beyond 2^53 are bigints. */
export type Claims = Readonly<Record<string, unknown>>

/**
 * What the application knows of the user or the resource: claims by name, each equal to this value or an array that has
 * it.
 */
export type UserInformation = Readonly<Record<string, string | number | bigint | boolean>>

/** @internal The first of these claims that does not have this value; one that is not there matches nothing. */
export function mismatch(
  claims: () => Record<string, unknown>,
  match: UserInformation | undefined,
): string | undefined {
  return Object.entries(match ?? {}).find(([name, value]) => {
    const claim = Object.getOwnPropertyDescriptor(claims(), name)?.value as unknown
    // What the application does not know matches no token.
    if (value === undefined || value === null) return true
    return claim !== value && !(Array.isArray(claim) && claim.includes(value))
  })?.[0]
}

/**
 * @internal Puts the exact value where `JSON.parse` has lost it: a bigint for an integer, the text for what is
 * infinite.
 */
export function widen(claims: Record<string, unknown>, pointer: string, text: string): void {
  const names = pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = names.pop()
  let place: object = claims
  // Own members only: a claim may be called `__proto__`.
  for (const name of names) place = Object.getOwnPropertyDescriptor(place, name)?.value
  if (last === undefined) return
  const value = Object.getOwnPropertyDescriptor(place, last)?.value
  const exact =
    /^-?\d+$/.test(text) && !Number.isSafeInteger(value)
      ? BigInt(text)
      : Number.isFinite(value)
        ? value
        : text
  Object.defineProperty(place, last, {
    value: exact,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}
