// Edge functions that take compiled modules by a query.
import module from './core.wasm?module'
import { bind, type CreateVerifier } from '../verifier.js'

export * from '../api.js'
/** Compiles a configuration; throws a `ConfigurationError`. No initialisation is needed before. */
export const createVerifier: CreateVerifier = /* @__PURE__ */ bind(() => module)
