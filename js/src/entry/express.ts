// For Express, and whatever else has middleware for requests of Node.
export {
  requirePermission,
  verifyToken,
  type ExpressOptions,
  type IncomingRequest,
  type Middleware,
  type OutgoingResponse,
} from '../adapter/express.js'
export type { Guard, GuardOptions, Permission } from '../adapter/guard.js'
