// Everywhere that may compile WebAssembly: Node, Deno, Bun, browsers, bundlers.
import base64 from 'datakit-token-core-base64'
import { bind } from '../verifier.js'

export * from '../api.js'
export const createVerifier = bind(() => {
  const text = atob(base64)
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index)
  return new WebAssembly.Module(bytes)
})
