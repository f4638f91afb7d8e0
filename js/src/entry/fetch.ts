// For everything that has `Request` and `Response`.
export { toResponse, withToken, type Access, type TokenHandler } from '../adapter/fetch.js'
export type { Guard, GuardOptions, Permission } from '../adapter/guard.js'
