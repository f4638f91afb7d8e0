// A verified token, and those that are kept.
import { mismatch, widen, type Claims, type UserInformation } from './claims.js'
import { freeze } from './freeze.js'
import type { CoreVerifier } from './wasm/core.js'
import type { Reason, TokenError } from './error.js'
import { member } from './member.js'
import type { Allowed } from './verdict.js'

/** A token that was verified. Everything in it is frozen. */
export interface VerifiedToken<C = Claims> {
  /** What was signed; parsed when first looked at. */
  readonly claims: C
  readonly issuer: string
  readonly subject: string | undefined
  readonly roles: readonly string[]
  /** `permissions` and the values of `scope`. */
  readonly permissions: readonly string[]
  /** Seconds since 1970. */
  readonly expiresAt: number
  readonly keyId: string | undefined
  /** Whether the token or one of its roles grants this permission, and each of these claims has this value. */
  can(permission: string, match?: UserInformation): boolean
  /** The same; throws a `TokenError` with `binding_mismatch` or `permission_denied` (403). */
  authorize(permission: string, match?: UserInformation): void
}

/**
 * @internal Makes a token out of what the core says of it; the core answers what its roles grant and how a refusal
 * looks.
 */
export function verified<C>(
  verdict: Allowed,
  granted: (roles: readonly string[], permission: string) => boolean,
  refuse: (code: Reason, claim?: string) => TokenError,
): VerifiedToken<C> {
  const { claims: text, roles, permissions } = verdict
  const wide = member(verdict, 'wide') ?? []
  let parsed: Record<string, unknown> | undefined
  // Not before somebody looks at them: parsing takes as long as everything else after the signature.
  const claims = () => {
    if (parsed) return parsed
    parsed = JSON.parse(text) as Record<string, unknown>
    for (const [pointer, number] of wide) widen(parsed, pointer, number)
    return freeze(parsed)
  }
  const grants = (permission: string) =>
    permissions.includes(permission) || (roles.length > 0 && granted(roles, String(permission)))
  Object.freeze(roles)
  Object.freeze(permissions)
  return Object.freeze({
    get claims() {
      return claims() as C
    },
    issuer: verdict.issuer,
    subject: member(verdict, 'subject'),
    roles,
    permissions,
    expiresAt: verdict.expiresAt,
    keyId: member(verdict, 'keyId'),
    can: (permission: string, match?: UserInformation) =>
      mismatch(claims, match) === undefined && grants(permission),
    authorize: (permission: string, match?: UserInformation) => {
      const claim = mismatch(claims, match)
      if (claim !== undefined) throw refuse('binding_mismatch', claim)
      if (!grants(permission)) throw refuse('permission_denied')
    },
  })
}

/**
 * @internal The tokens of the core's cache, and no others, by their serial numbers: frozen, so that all who send one
 * may share what was made of it.
 */
export class TokenCache<C> {
  readonly #core: CoreVerifier
  readonly #tokens = new Map<number, VerifiedToken<C>>()

  constructor(core: CoreVerifier) {
    this.#core = core
  }

  get(serial: number): VerifiedToken<C> | undefined {
    return serial === 0 ? undefined : this.#tokens.get(serial)
  }

  /** Keeps a token that the core keeps. */
  add(serial: number, token: VerifiedToken<C>): VerifiedToken<C> {
    if (serial === 0) return token
    this.#tokens.set(serial, token)
    this.forget()
    return token
  }

  /** Forgets what the core has forgotten. */
  forget(): void {
    let serial = this.#core.take_dropped()
    while (serial) {
      this.#tokens.delete(serial)
      serial = this.#core.take_dropped()
    }
  }
}
