// For Fastify.
export {
  datakitToken,
  type FastifyLike,
  type FastifyReplyLike,
  type FastifyRequestLike,
  type RouteConfig,
} from '../adapter/fastify.js'
export type { Guard, GuardOptions, Permission } from '../adapter/guard.js'
