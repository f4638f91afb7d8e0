// Edge functions that take compiled modules by a query.
import module from './core.wasm?module'
import { bind } from '../verifier.js'

export * from '../api.js'
export const createVerifier = /* @__PURE__ */ bind(() => module)
