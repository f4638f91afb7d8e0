// workerd compiles modules only at deployment.
import module from './core.wasm'
import { bind } from '../verifier.js'

export * from '../api.js'
export const createVerifier = /* @__PURE__ */ bind(() => module)
