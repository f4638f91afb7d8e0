// Bytes as text.

/** The text; nothing for what is no UTF-8. A byte order mark stays, and so is refused by whoever reads JSON. */
export function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
