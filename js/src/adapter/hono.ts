// For Hono, in every runtime that it has.
import type { Claims, UserInformation } from '../claims.js'
import type { VerifiedToken } from '../token.js'
import { accessOf, toResponse, type Access } from './fetch.js'
import { guard, missing, type Guard, type GuardOptions } from './guard.js'

/** The variables that `verifyToken` sets: `new Hono<{ Variables: TokenVariables }>()`. */
export interface TokenVariables<C = Claims> {
  /** `undefined` where the rules ask for no token. */
  token: VerifiedToken<C> | undefined
  /** The token again, the decision, and the request as it may go on. */
  access: Access<C>
}

/** A context of Hono. */
export interface HonoContext {
  readonly req: { readonly raw: Request }
  set(name: string, value: unknown): void
}

/** Middleware of Hono. */
export type HonoMiddleware = (
  context: HonoContext,
  next: () => Promise<void>,
) => Promise<Response | undefined>

/** What has let a request pass, for the routes behind it. */
const passed = new WeakMap<
  Request,
  { verifier: Pick<Guard, 'refuse'>; token: VerifiedToken | undefined }
>()

/** Middleware that answers refused requests itself, and sets the variables `token` and `access` for all others. */
export function verifyToken<C = Claims>(options: GuardOptions<C>): HonoMiddleware {
  return async (context, next) => {
    const { raw } = context.req
    const { verifier } = options
    const decision = await guard(verifier, raw, options)
    if (decision.verdict === 'deny') return toResponse(decision.response)
    const access = accessOf(raw, decision)
    context.set('token', access.token)
    context.set('access', access)
    passed.set(raw, { verifier, token: access.token as VerifiedToken | undefined })
    await next()
    return undefined
  }
}

/** Middleware for one route behind `verifyToken`: the token has to grant this, and its claims to have these values. */
export function requirePermission(permission: string, match?: UserInformation): HonoMiddleware {
  return async (context, next) => {
    const { raw } = context.req
    const known = passed.get(raw)
    if (known === undefined) throw new Error('`requirePermission` has to come after `verifyToken`')
    const decision = missing(known.verifier, raw, known.token, { permission, match })
    if (decision?.verdict === 'deny') return toResponse(decision.response)
    // In `observe`: as if it had come without a token, like all that would be refused.
    if (decision) context.set('token', undefined)
    await next()
    return undefined
  }
}
