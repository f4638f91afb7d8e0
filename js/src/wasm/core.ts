import { Verifier as CoreVerifier } from 'datakit-token-core'
import { imports, use } from 'datakit-token-core-glue'
import { WasmBlockedError } from '../error.js'

/** A compiled configuration in the core. */
export type { CoreVerifier }

/** Under which name the module imports what is generated with it. */
const GLUE = './datakit_token_npm_bg.js'

let memory: WebAssembly.Memory | undefined
// Made when there is a verifier: some test environments lack them, and have to be able to import this.
let encoder: TextEncoder
let decoder: TextDecoder

/**
 * Instantiates the module on first use, at once: no top-level await, no fetch, no file. An instance takes a module of
 * any realm: edge runtimes compile them outside of the one that this runs in.
 */
export function instantiate(source: () => WebAssembly.Module): typeof CoreVerifier {
  if (memory === undefined) {
    let module: WebAssembly.Module
    try {
      module = source()
    } catch (error) {
      // By its name: the class may be that of another realm.
      if ((error as Error | undefined)?.name === 'CompileError') throw new WasmBlockedError(error)
      throw error
    }
    encoder = new TextEncoder()
    decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const { exports } = new WebAssembly.Instance(module, { [GLUE]: imports() })
    use(exports)
    ;(exports.__wbindgen_start as () => void)()
    memory = exports.memory as WebAssembly.Memory
  }
  return CoreVerifier
}

/** The bytes of the core, as large as they are now. */
function buffer(): ArrayBuffer {
  return (memory as WebAssembly.Memory).buffer
}

/** What a verifier has just written. */
export function output(verifier: CoreVerifier, length: number): string {
  return decoder.decode(new Uint8Array(buffer(), verifier.output(), length))
}

/** The host's clock. */
export function seconds(): number {
  return Date.now() / 1000
}

/**
 * Hands tokens to one verifier as bytes: what the generated glue does for a string takes longer than a look into the
 * cache.
 */
export class TokenInput {
  readonly #address: number
  readonly #size: number
  #view: Uint8Array

  constructor(verifier: CoreVerifier) {
    this.#address = verifier.input()
    this.#size = verifier.input_size()
    this.#view = new Uint8Array(buffer(), this.#address, this.#size)
  }

  /** Writes a token, and gives its length in bytes; one too long gives a length that is too long. */
  write(token: string): number {
    // A memory that grows leaves old views behind.
    if (this.#view.buffer !== buffer())
      this.#view = new Uint8Array(buffer(), this.#address, this.#size)
    const { read, written } = encoder.encodeInto(token, this.#view)
    return read < token.length ? this.#size : written
  }
}
