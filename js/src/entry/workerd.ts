// workerd compiles modules only at deployment.
import module from './core.wasm'
import { bind, type CreateVerifier } from '../verifier.js'

export * from '../api.js'
/** Compiles a configuration; throws a `ConfigurationError`. No initialisation is needed before. */
export const createVerifier: CreateVerifier = /* @__PURE__ */ bind(() => module)
