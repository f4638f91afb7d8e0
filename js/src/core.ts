import * as core from 'datakit-token-core'
import { WasmBlockedError } from './error.js'

/** What wasm-bindgen generates. */
export type Core = typeof core

/** A compiled configuration in the core. */
export type CoreVerifier = InstanceType<Core['Verifier']>

let ready = false
let memory: WebAssembly.Memory
const encoder = new TextEncoder()

/** Instantiates the module on first use, at once: no top-level await, no fetch, no file. */
export function instantiate(source: () => WebAssembly.Module): Core {
  if (!ready) {
    let module: WebAssembly.Module
    try {
      module = source()
    } catch (error) {
      if (error instanceof WebAssembly.CompileError) throw new WasmBlockedError(error)
      throw error
    }
    memory = core.initSync({ module }).memory
    ready = true
  }
  return core
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** What a verifier has just written. */
export function output(verifier: CoreVerifier, length: number): string {
  return decoder.decode(new Uint8Array(memory.buffer, verifier.output(), length))
}

/** The host's clock. */
export function seconds(): number {
  return Date.now() / 1000
}

/** Hands tokens to one verifier as bytes: what the generated glue does for a string takes longer than a look into the cache. */
export class TokenInput {
  readonly #address: number
  readonly #size: number
  #view: Uint8Array

  constructor(verifier: CoreVerifier) {
    this.#address = verifier.input()
    this.#size = verifier.input_size()
    this.#view = new Uint8Array(memory.buffer, this.#address, this.#size)
  }

  /** Writes a token, and gives its length in bytes; one too long gives a length that is too long. */
  write(token: string): number {
    // A memory that grows leaves old views behind.
    if (this.#view.buffer !== memory.buffer) this.#view = new Uint8Array(memory.buffer, this.#address, this.#size)
    const { read, written } = encoder.encodeInto(token, this.#view)
    return read < token.length ? this.#size : written
  }
}
