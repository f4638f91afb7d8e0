// Bun, which has multiplications of 64 bits with a result of 128: the same core, compiled for these, is twice as fast.
import { bind, type CreateVerifier } from '../verifier.js'
import { unpack } from '../wasm/unpack.js'

export * from '../api.js'
/** Compiles a configuration; throws a `ConfigurationError`. No initialisation is needed before. */
export const createVerifier: CreateVerifier = /* @__PURE__ */ bind(
  () => new WebAssembly.Module(WebAssembly.validate(PROBE) ? unpack() : readNarrow()),
)

/** `(func (param i64 i64) (result i64 i64) local.get 0 local.get 1 i64.mul_wide_u)` */
const PROBE = /* @__PURE__ */ Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x08, 0x01, 0x60, 0x02, 0x7e, 0x7e, 0x02, 0x7e, 0x7e],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x0a, 0x01, 0x08, 0x00, 0x20, 0x00, 0x20, 0x01, 0xfc, 0x16, 0x0b],
)

/** The module that every host takes, from its file: for older ones, which a bundle of Bun's own would not reach. */
function readNarrow(): BufferSource {
  const { process } = globalThis as unknown as {
    process: {
      getBuiltinModule(name: 'node:fs'): { readFileSync(file: URL): Uint8Array<ArrayBuffer> }
    }
  }
  return process.getBuiltinModule('node:fs').readFileSync(new URL('../core.wasm', import.meta.url))
}
