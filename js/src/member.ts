/**
 * Whether an object of the caller has this member: of its own or of its class, as a `Request` has it, and Node's
 * `IncomingMessage`. What every object inherits does not count: whoever gets something into `Object.prototype` would
 * speak for all callers who leave it out.
 */
export function has(object: unknown, name: PropertyKey): boolean {
  if (object === undefined || object === null) return false
  if (Object.hasOwn(object, name)) return true
  let base = Object.getPrototypeOf(object) as object | null
  // The last of the chain is `Object.prototype`, also in an object of another realm.
  while (base) {
    const next = Object.getPrototypeOf(base) as object | null
    if (next && Object.hasOwn(base, name)) return true
    base = next
  }
  return false
}

/** The member, if there is one: the only way to read what a caller gave. */
export function member<T, Name extends keyof T>(
  object: T | null | undefined,
  name: Name,
): T[Name] | undefined {
  return has(object, name) ? object?.[name] : undefined
}

/** The same object, inheriting nothing: what is not in it is not there. */
export function bare<T extends object>(object: T): T {
  return Object.setPrototypeOf(object, null) as T
}
