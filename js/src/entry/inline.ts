// Everywhere that may compile WebAssembly: Node, Deno, Bun, browsers, bundlers.
import { bind, type CreateVerifier } from '../verifier.js'
import { unpack } from '../wasm/unpack.js'

export * from '../api.js'
/** Compiles a configuration; throws a `ConfigurationError`. No initialisation is needed before. */
export const createVerifier: CreateVerifier = /* @__PURE__ */ bind(
  () => new WebAssembly.Module(unpack()),
)
