// For `proxy.js` and `middleware.js` of Next.js; its route handlers take `withToken`.
import type { Claims } from '../claims.js'
import { toResponse } from './fetch.js'
import { guard, upstreamUrl, type GuardOptions } from './guard.js'

/** `NextResponse` of `next/server`. */
export interface NextResponseLike {
  next(init: { request: { headers: Headers } }): Response
  rewrite(url: URL, init: { request: { headers: Headers } }): Response
}

/** How to guard the requests of an application. */
export interface NextOptions<C = Claims> extends GuardOptions<C> {
  /** `NextResponse` of `next/server`: this package does not bring Next.js. */
  NextResponse: NextResponseLike
}

/**
 * What `proxy.js` (`middleware.js` before Next 16) exports: it answers refused requests itself, and hands on all others
 * as they may go on. A route or a page that shows something secret asks again, with `withToken` or `verify`: nothing
 * says that each request came through here.
 */
export function createProxy<C = Claims>(
  options: NextOptions<C>,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const decision = await guard(options.verifier, request, options)
    if (decision.verdict === 'deny') return toResponse(decision.response)
    const { upstream } = decision
    const init = {
      request: { headers: new Headers(upstream.headers.map(([name, value]) => [name, value])) },
    }
    const { pathname, search } = new URL(request.url)
    return upstream.path === pathname + search
      ? options.NextResponse.next(init)
      : options.NextResponse.rewrite(upstreamUrl(upstream, request.url), init)
  }
}
