// For Fastify 4 and 5.
import type { Claims } from '../claims.js'
import type { NodeRequest } from '../request.js'
import type { VerifiedToken } from '../token.js'
import { guard, type GuardOptions, type Permission } from './guard.js'

/** A request of Fastify. */
export interface FastifyRequestLike {
  readonly raw: NodeRequest
  readonly originalUrl: string
  readonly routeOptions: { readonly config?: unknown }
  /** The token, once it is verified; `undefined` where the rules ask for none. */
  token?: VerifiedToken | undefined
}

/** A reply of Fastify. */
export interface FastifyReplyLike {
  code(status: number): FastifyReplyLike
  header(name: string, value: string): FastifyReplyLike
  send(body: string): FastifyReplyLike
}

/** An instance of Fastify. */
export interface FastifyLike {
  decorateRequest(name: string, value: undefined): unknown
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequestLike, reply: FastifyReplyLike) => Promise<unknown>,
  ): unknown
}

/** A route's own `config: { token: { permission } }`: what its requests need besides what the rules ask. */
export interface RouteConfig {
  token?: Permission
}

/**
 * A plugin, for the whole instance that it is registered at: `app.register(datakitToken, { verifier })`. It answers
 * refused requests itself, and puts the token of all others at `request.token`.
 */
export async function datakitToken<C = Claims>(
  fastify: FastifyLike,
  options: GuardOptions<C>,
): Promise<void> {
  fastify.decorateRequest('token', undefined)
  fastify.addHook('onRequest', async (request, reply) => {
    const { token: own = {} } = (request.routeOptions.config ?? {}) as RouteConfig
    const decision = await guard(options.verifier, request, { ...options, ...own })
    if (decision.verdict !== 'deny') {
      request.token =
        decision.verdict === 'allow' ? (decision.token as VerifiedToken | undefined) : undefined
      return undefined
    }
    const { status, headers, body } = decision.response
    reply.code(status)
    for (const [name, value] of headers) reply.header(name, value)
    return reply.send(body)
  })
}

// What `fastify-plugin` does: the hook is for the routes outside of the plugin as well.
Object.assign(datakitToken, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'datakit-token',
  [Symbol.for('plugin-meta')]: { name: 'datakit-token', fastify: '>=4' },
})
