// For Next.js.
export { createProxy, type NextOptions, type NextResponseLike } from '../adapter/next.js'
export { toResponse, withToken, type Access, type TokenHandler } from '../adapter/fetch.js'
export type { Guard, GuardOptions, Permission } from '../adapter/guard.js'
