// What all adapters do alike: ask the verifier, and after it for the permission of a route.
import type { Claims, UserInformation } from '../claims.js'
import type { Decision, Upstream } from '../decision.js'
import type { Reason } from '../error.js'
import type { RequestLike } from '../request.js'
import type { VerifiedToken } from '../token.js'
import type { Verifier } from '../verifier.js'

/** The part of a verifier that adapters use. */
export type Guard<C = Claims> = Pick<Verifier<C>, 'decide' | 'refuse'>

/** A permission that a route asks for, besides what the rules of the configuration ask. */
export interface Permission {
  /** What the token or one of its roles has to grant. */
  permission?: string | undefined
  /** Claims that have to have these values then, as in `token.can`. */
  match?: UserInformation | undefined
}

/** How to guard requests. */
export interface GuardOptions<C = Claims> extends Permission {
  /**
   * Made once for each process. Its `rules` say which requests need which token: `{ match: {}, allow: 'authenticated'
   * }` is the rule for any good token, and `allow: 'anyone'` the one for a login that is optional.
   */
  verifier: Guard<C>
}

/** @internal The decision of the verifier, and of the route. */
export async function guard<C>(
  verifier: Guard<C>,
  request: RequestLike,
  permission: Permission,
): Promise<Decision<C>> {
  const decision = await verifier.decide(request)
  return decision.verdict === 'allow'
    ? (missing(verifier, request, decision.token, permission) ?? decision)
    : decision
}

/** @internal What to do with a request whose token lacks what a route asks for; `undefined` if it lacks nothing. */
export function missing<C>(
  verifier: Pick<Guard<C>, 'refuse'>,
  request: RequestLike,
  token: VerifiedToken<C> | undefined,
  { permission, match }: Permission,
): ReturnType<Guard<C>['refuse']> | undefined {
  if (permission === undefined) return undefined
  if (token === undefined) return verifier.refuse(request, 'missing_token')
  try {
    token.authorize(permission, match)
    return undefined
  } catch (error) {
    const { code } = error as { code?: Reason }
    return verifier.refuse(request, code === 'binding_mismatch' ? code : 'permission_denied')
  }
}

/** @internal The address that an allowed request goes on to: the origin of `base`, and the path as it was decided. */
export function upstreamUrl(upstream: Upstream, base: string | URL): URL {
  const { origin } = new URL(base)
  // Not `new URL(path, base)`: a path that begins with two slashes would name another host.
  const url = new URL(origin + upstream.path)
  if (url.pathname + url.search !== upstream.path)
    throw new TypeError('the path would be read in another way than it was decided')
  return url
}

/** Of one connection (RFC 9110 section 7.6.1), or made anew with the request. */
const HOP_BY_HOP =
  /^(connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|host|content-length)$/i

/** @internal The headers that an allowed request goes on with. */
export function upstreamHeaders({ headers }: Upstream): [string, string][] {
  const named = headers
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((name) => name.trim().toLowerCase()))
  return headers
    .filter(([name]) => !HOP_BY_HOP.test(name) && !named.includes(name.toLowerCase()))
    .map(([name, value]) => [name, value])
}
