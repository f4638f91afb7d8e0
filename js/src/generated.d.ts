// The shape of the generated glue, which exists only after a build.
declare module 'datakit-token-core' {
  export class Verifier {
    constructor(config: string, environment: string)
    warnings(): string
    refuse(code: string): number
    free(): void
    input(): number
    input_size(): number
    verify(length: number, now: number): number
    verdict(): number
    take_dropped(): number
    output(): number
    decide(request: string, now: number): number
    grants(roles: string, permission: string): boolean
    source_count(): number
    sources(): string
    plan(index: number, now: number, uptime: number): number
    is_loaded(index: number): boolean
    state(index: number, now: number, uptime: number): string
    begin(index: number, uptime: number): void
    finish(
      index: number,
      status: number,
      contentType: string | undefined,
      cacheControl: string | undefined,
      age: string | undefined,
      body: Uint8Array,
      now: number,
      uptime: number,
      jitter: number,
    ): string
    fail(index: number, why: string, now: number, uptime: number, jitter: number): string
    snapshot(index: number): string | undefined
    restore(index: number, snapshot: string, now: number, uptime: number, jitter: number): string
  }
  /** What the module imports (added by `build.mjs`). */
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

/** `core.wasm` as text (`pack.mjs`), and the bytes of the module that turns it back. */
declare module 'datakit-token-core-packed' {
  export const text: string
  export const table: readonly number[]
  export const unpacker: readonly number[]
}
