// Writes bytes as text that stays small when it is compressed: one character for each frequent byte, so that what
// repeats in the bytes repeats in the text. base64, which cuts bytes into pieces, is a third larger on the wire.
import { fileURLToPath } from 'node:url'
import { binaryen } from './binaryen.mjs'

/** Visible ASCII without what a string literal or an HTML page would have to escape: `"`, `\` and `<`. */
const ALPHABET = Array.from({ length: 92 }, (_, index) => 35 + index).filter(
  (code) => !'<\\'.includes(String.fromCharCode(code)),
)
/** Characters that begin a pair: `#` and `$`. */
const LEADS = 2

/**
 * The text, and the table that `src/wasm/unpack.wat` reads it by: 128 bytes for single characters, by their codes, and
 * as many for each of those that begin a pair.
 */
export function pack(bytes) {
  const counts = new Uint32Array(256)
  for (const byte of bytes) counts[byte]++
  const ranked = [...counts.keys()].sort((one, other) => counts[other] - counts[one])
  const table = new Array(128 * (LEADS + 1)).fill(0)
  const words = []
  ranked.forEach((byte, rank) => {
    const [lead, code] =
      rank < ALPHABET.length - LEADS
        ? [-1, ALPHABET[LEADS + rank]]
        : [
            Math.floor((rank - ALPHABET.length + LEADS) / ALPHABET.length),
            ALPHABET[(rank + LEADS) % ALPHABET.length],
          ]
    words[byte] = lead < 0 ? String.fromCharCode(code) : String.fromCharCode(ALPHABET[lead], code)
    table[128 * (lead + 1) + code] = byte
  })
  return { text: Array.from(bytes, (byte) => words[byte]).join(''), table }
}

/** The bytes of the module that turns the text back. */
export const unpacker = () =>
  binaryen('wasm-as', fileURLToPath(new URL('../src/wasm/unpack.wat', import.meta.url)), '-o', '-')
