// Modules that exist after a build. The class `Verifier` has the declarations of wasm-bindgen itself (`tsconfig.json`).
declare module 'datakit-token-core-glue' {
  /** What the module imports (added by `build/glue.mjs`). */
  export function imports(): WebAssembly.ModuleImports
  /** Takes what it exports. */
  export function use(exports: WebAssembly.Exports): void
}

declare module '*/core.wasm' {
  const module: WebAssembly.Module
  export default module
}

declare module '*/core.wasm?module' {
  const module: WebAssembly.Module
  export default module
}

/** `core.wasm` as text (`build/pack.mjs`), and the bytes of the module that turns it back. */
declare module 'datakit-token-core-packed' {
  export const text: string
  export const table: readonly number[]
  export const unpacker: readonly number[]
}
