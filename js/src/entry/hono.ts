// For Hono.
export {
  requirePermission,
  verifyToken,
  type HonoContext,
  type HonoMiddleware,
  type TokenVariables,
} from '../adapter/hono.js'
export type { Access } from '../adapter/fetch.js'
export type { Guard, GuardOptions, Permission } from '../adapter/guard.js'
