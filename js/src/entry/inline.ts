// Everywhere that may compile WebAssembly: Node, Deno, Bun, browsers, bundlers.
import { table, text, unpacker } from 'datakit-token-core-packed'
import { bind, type CreateVerifier } from '../verifier.js'

export * from '../api.js'
/** Compiles a configuration; throws a `ConfigurationError`. No initialisation is needed before. */
export const createVerifier: CreateVerifier = /* @__PURE__ */ bind(
  () => new WebAssembly.Module(unpack()),
)

/** The module as bytes, unpacked by a small one (`unpack.wat`). */
function unpack(): BufferSource {
  const module = new WebAssembly.Module(Uint8Array.from(unpacker))
  const { memory, unpack } = new WebAssembly.Instance(module).exports as {
    memory: WebAssembly.Memory
    unpack: (from: number, end: number) => number
  }
  const start = table.length
  memory.grow(Math.ceil(text.length / 65_536))
  new Uint8Array(memory.buffer).set(table)
  new TextEncoder().encodeInto(text, new Uint8Array(memory.buffer, start))
  return new Uint8Array(memory.buffer, start, unpack(start, start + text.length) - start)
}
