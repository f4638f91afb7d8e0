import * as core from 'datakit-token-core'
import { WasmBlockedError } from './error.js'

/** What wasm-bindgen generates. */
export type Core = typeof core

/** A compiled configuration in the core. */
export type CoreVerifier = InstanceType<Core['Verifier']>

let ready = false

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
    core.initSync({ module })
    ready = true
  }
  return core
}
