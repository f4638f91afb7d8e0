// Text of others on a terminal.

// The ranges at the end are what Unicode has put aside for more of these.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u2065\u{e0000}-\u{e007f}]/gu

/**
 * Every character that moves, hides or turns round what stands beside it becomes its JSON escape (RFC 8259 section 7).
 * In a JSON text they stand in strings only, so the text means the same.
 */
export const visible = (text: string): string =>
  text.replace(INVISIBLE, (character) =>
    // Unit by unit: one beyond U+FFFF has two.
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
