// The shape of the generated glue, which exists only after a build.
declare module 'datakit-token-core' {
  export class Verifier {
    constructor(config: string)
    warnings(): string
    verify(token: string, now: number): string
    decide(request: string, now: number): string
  }
  export function initSync(options: { module: WebAssembly.Module }): unknown
}

declare module '*/core.wasm' {
  const module: WebAssembly.Module
  export default module
}

declare module '*/core.wasm?module' {
  const module: WebAssembly.Module
  export default module
}

declare module 'datakit-token-core-base64' {
  const text: string
  export default text
}
