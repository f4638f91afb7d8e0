// For everything that has `Request` and `Response`: Workers, Deno, Bun, route handlers of Next.
import type { Claims } from '../claims.js'
import type { Decision, DenialResponse } from '../decision.js'
import type { VerifiedToken } from '../token.js'
import { guard, upstreamHeaders, upstreamUrl, type Guard, type GuardOptions } from './guard.js'

/** What a handler gets to know about a request that may go on. */
export interface Access<C = Claims> {
  /** The token; `undefined` where the rules ask for none, and in `observe` where it was refused. */
  readonly token: VerifiedToken<C> | undefined
  readonly decision: Exclude<Decision<C>, { verdict: 'deny' }>
  /**
   * The request as it may go on: without the token if that is not forwarded, with the headers that the configuration
   * makes of claims, and with what clients may not set taken out. `base` is where to, of which the origin counts.
   */
  upstream(base: string | URL): Request
}

/** A handler of fetch requests, with whatever its host hands over besides. */
export type TokenHandler<C, R extends Request, Rest extends unknown[]> = (
  request: R,
  access: Access<C>,
  ...rest: Rest
) => Response | Promise<Response>

/**
 * A handler that answers refused requests itself, with the status, the challenge and the body of the configuration, and
 * hands over all others with what is known of their tokens.
 */
export function withToken<C = Claims, R extends Request = Request, Rest extends unknown[] = []>(
  handler: TokenHandler<C, R, Rest>,
  options: Omit<GuardOptions<C>, 'verifier'> & {
    /** A verifier, or what gives the one of the process for what the host hands over, such as `env` of a Worker. */
    verifier: Guard<C> | ((...rest: Rest) => Guard<C>)
  },
): (request: R, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const { verifier } = options
    const own = typeof verifier === 'function' ? verifier(...rest) : verifier
    const decision = await guard(own, request, options)
    if (decision.verdict === 'deny') return toResponse(decision.response)
    return handler(request, accessOf(request, decision), ...rest)
  }
}

/** The answer to a refused request, as a fetch `Response`. */
export function toResponse({ status, headers, body }: DenialResponse): Response {
  return new Response(body, { status, headers: headers.map(([name, value]) => [name, value]) })
}

/** @internal What a handler gets. */
export function accessOf<C>(
  request: Request,
  decision: Exclude<Decision<C>, { verdict: 'deny' }>,
): Access<C> {
  const { upstream } = decision
  return Object.freeze({
    token: decision.verdict === 'allow' ? decision.token : undefined,
    decision,
    upstream: (base: string | URL) => {
      const { method, body, signal } = request
      return new Request(upstreamUrl(upstream, base), {
        method,
        headers: upstreamHeaders(upstream),
        body,
        signal,
        redirect: 'manual',
        // A stream needs to be told so.
        ...(body !== null && { duplex: 'half' }),
      })
    },
  })
}
