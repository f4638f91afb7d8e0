// For Express 4 and 5, Connect, and whatever else has middleware for requests of Node.
import type { Claims, UserInformation } from '../claims.js'
import type { Decision, DenialResponse } from '../decision.js'
import type { NodeRequest } from '../request.js'
import type { VerifiedToken } from '../token.js'
import { guard, missing, type Guard, type GuardOptions } from './guard.js'

/** A request of Node that middleware may change. */
export interface IncomingRequest extends NodeRequest {
  url?: string | undefined
  headers: Record<string, string | string[] | undefined>
  /** The token, once it is verified; `undefined` where the rules ask for none. */
  token?: VerifiedToken | undefined
}

/** A response of Node. */
export interface OutgoingResponse {
  writeHead(status: number, headers: string[]): unknown
  end(body: string): unknown
}

declare global {
  namespace Express {
    interface Request {
      /** The token, once `verifyToken` has verified it; `undefined` where the rules ask for none. */
      token?: VerifiedToken | undefined
    }
  }
}

/** Middleware. */
export type Middleware = (
  request: IncomingRequest,
  response: OutgoingResponse,
  next: (error?: unknown) => void,
) => void

/** How to guard the requests of an application. */
export interface ExpressOptions<C = Claims> extends GuardOptions<C> {
  /**
   * Changes the request itself into the one that may go on, for a proxy behind this: no token if that is not forwarded,
   * headers made of claims, nothing that clients may not set.
   */
  rewrite?: boolean
}

/** Which verifier has let a request pass, for the routes behind it. */
const guards = new WeakMap<object, Pick<Guard, 'refuse'>>()

/**
 * Middleware that answers refused requests itself, and puts the token of all others at `request.token`. Paths are those
 * that were sent, wherever it is mounted.
 */
export function verifyToken<C = Claims>(options: ExpressOptions<C>): Middleware {
  return (request, response, next) => {
    guard(options.verifier, request, options)
      .then((decision) => {
        if (decision.verdict === 'deny') return answer(response, decision.response)
        request.token =
          decision.verdict === 'allow' ? (decision.token as VerifiedToken | undefined) : undefined
        guards.set(request, options.verifier)
        if (options.rewrite === true) rewrite(request, decision)
        next()
      })
      .catch(next)
  }
}

/** Middleware for one route behind `verifyToken`: the token has to grant this, and its claims to have these values. */
export function requirePermission(permission: string, match?: UserInformation): Middleware {
  return (request, response, next) => {
    const verifier = guards.get(request)
    if (verifier === undefined) {
      next(new Error('`requirePermission` has to come after `verifyToken`'))
      return
    }
    const decision = missing(verifier, request, request.token, { permission, match })
    if (decision?.verdict === 'deny') return answer(response, decision.response)
    // In `observe`: as if it had come without a token, like all that would be refused.
    if (decision) request.token = undefined
    return next()
  }
}

function answer(response: OutgoingResponse, { status, headers, body }: DenialResponse): void {
  response.writeHead(status, headers.flat())
  response.end(body)
}

/** The same request, as it may go on. */
function rewrite<C>(
  request: IncomingRequest,
  { upstream }: Exclude<Decision<C>, { verdict: 'deny' }>,
): void {
  const mount = (request as { baseUrl?: string }).baseUrl ?? ''
  if (!upstream.path.startsWith(mount))
    throw new Error('the path that goes on is not below the one that the middleware is mounted at')
  const rest = upstream.path.slice(mount.length)
  request.url = rest.startsWith('/') ? rest : `/${rest}`
  const lines = upstream.headers.flat()
  // As Node joins them (`message.headers`), and as they stand.
  const headers: Record<string, string | string[]> = {}
  for (const [name, value] of upstream.headers) {
    const lower = name.toLowerCase()
    const before = Object.hasOwn(headers, lower) ? headers[lower] : undefined
    if (lower === 'set-cookie') headers[lower] = [...(before ?? []), value]
    else
      headers[lower] =
        before === undefined ? value : `${before}${lower === 'cookie' ? '; ' : ', '}${value}`
  }
  Object.assign(request, { headers, rawHeaders: lines })
}
