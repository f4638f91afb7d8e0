// A module that the bundle has inside, as text.
import { table, text, unpacker } from 'datakit-token-core-packed'

/** The module as bytes, unpacked by a small one (`unpack.wat`). */
export function unpack(): BufferSource {
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
