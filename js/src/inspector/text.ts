// What others have written, as something that can be looked at without harm.

/** Control characters, and those that are invisible or turn what stands beside them around. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** The text with its invisible characters as escapes. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (found) =>
    Array.from({ length: found.length }, (_, index) => escaped(found.charCodeAt(index))).join(''),
  )
}

const escaped = (unit: number) => `\\u${unit.toString(16).padStart(4, '0')}`

/** A part of a text. What somebody chose stands apart, so that letters from right to left move nothing else. */
export interface Piece {
  readonly text: string
  readonly isForeign: boolean
}

/** A value of JSON on lines of its own, in pieces. */
export function* pieces(value: unknown, indent = ''): Generator<Piece> {
  if (typeof value === 'string') {
    yield { text: visible(JSON.stringify(value)), isForeign: true }
  } else if (typeof value !== 'object' || value === null) {
    yield own(String(value))
  } else {
    const isArray = Array.isArray(value)
    const members = Object.entries(value)
    const [open, close] = isArray ? '[]' : '{}'
    yield own(`${open}`)
    const inner = `${indent}  `
    for (const [index, [name, member]] of members.entries()) {
      yield own(`${index === 0 ? '' : ','}\n${inner}`)
      if (!isArray) {
        yield* pieces(name)
        yield own(': ')
      }
      yield* pieces(member, inner)
    }
    yield own(members.length === 0 ? `${close}` : `\n${indent}${close}`)
  }
}

const own = (text: string): Piece => ({ text, isForeign: false })
