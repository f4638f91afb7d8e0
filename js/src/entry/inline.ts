// Everywhere that may compile WebAssembly: Node, Deno, Bun, browsers, bundlers.
import base64 from 'datakit-token-core-base64'
import { bind } from '../verifier.js'

export * from '../api.js'
export const createVerifier = bind(() => {
  return new WebAssembly.Module(decode())
})

/** The quickest way that is there: character by character costs milliseconds. */
function decode(): Uint8Array<ArrayBuffer> {
  const host = globalThis as { Buffer?: { from(text: string, encoding: 'base64'): Uint8Array<ArrayBuffer> } }
  const bytes = Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }
  if (bytes.fromBase64) return bytes.fromBase64(base64)
  if (host.Buffer) return host.Buffer.from(base64, 'base64')
  const text = atob(base64)
  const decoded = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) decoded[index] = text.charCodeAt(index)
  return decoded
}
