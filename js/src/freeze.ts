/** @internal The value, with all that is in it frozen. */
export function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    // Own members only, also one called `__proto__`.
    for (const member of Object.values(value)) freeze(member)
  }
  return value
}
