// Strict JSON (RFC 8259) that keeps its numbers as they were written, which `JSON.parse` does not.
import { decode } from './text.js'

/** A number in the text that it was written in. */
export class NumberText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type JsonObject = Map<string, Json>
export type Json = null | boolean | string | NumberText | Json[] | JsonObject

/** The text is no such JSON. It says where, and nothing of what is there. */
export class InvalidJson extends Error {}

/** How a text is read. */
interface Reading {
  /** Nested arrays and objects that it may have. */
  readonly levels: number
  /** Whether an object may have a member twice, of which the last counts. */
  readonly duplicates: boolean
}

/** As the core reads everything (`crates/encoding/src/json.rs`). */
export const STRICT: Reading = { levels: 32, duplicates: false }
/** As the command in Rust reads what it only shows or signs. */
export const LENIENT: Reading = { levels: 127, duplicates: true }

const SPACE = /[ \t\n\r]*/y
const STRING = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /null|true|false/y

/** Reads one value, with nothing after it. */
export function readJson(bytes: Uint8Array, reading: Reading): Json {
  const text = decode(bytes)
  if (text === undefined) throw new InvalidJson('not UTF-8')
  return new Reader(text, reading).whole()
}

class Reader {
  readonly #text: string
  readonly #reading: Reading
  #place = 0

  constructor(text: string, reading: Reading) {
    this.#text = text
    this.#reading = reading
  }

  whole(): Json {
    const value = this.#value(this.#reading.levels)
    if (this.#place < this.#text.length) throw this.#fault()
    return value
  }

  #value(levels: number): Json {
    this.#take(SPACE)
    const value = this.#bare(levels)
    this.#take(SPACE)
    return value
  }

  #bare(levels: number): Json {
    switch (this.#text[this.#place]) {
      case '{':
        return this.#object(levels - 1)
      case '[':
        return this.#array(levels - 1)
      case '"':
        return this.#string()
    }
    const word = this.#take(WORD)
    if (word !== undefined) return word === 'null' ? null : word === 'true'
    const number = this.#take(NUMBER)
    if (number === undefined) throw this.#fault()
    return new NumberText(number)
  }

  #array(levels: number): Json[] {
    const elements: Json[] = []
    this.#list(']', levels, () => elements.push(this.#value(levels)))
    return elements
  }

  #object(levels: number): JsonObject {
    const members: JsonObject = new Map()
    this.#list('}', levels, () => {
      this.#take(SPACE)
      const name = this.#string()
      this.#take(SPACE)
      if (members.has(name) && !this.#reading.duplicates) throw this.#fault()
      if (!this.#skip(':')) throw this.#fault()
      members.set(name, this.#value(levels))
    })
    return members
  }

  /** What stands between two brackets, with commas between. */
  #list(end: string, levels: number, one: () => void): void {
    if (levels < 0) throw this.#fault()
    this.#place++
    this.#take(SPACE)
    if (this.#skip(end)) return
    do one()
    while (this.#skip(','))
    if (!this.#skip(end)) throw this.#fault()
  }

  #string(): string {
    const start = this.#place
    const written = this.#take(STRING)
    try {
      if (written === undefined) throw this.#fault()
      const text = JSON.parse(written) as string
      // RFC 8259 section 8.2: half a character is read by each reader in another way.
      if (/\p{Surrogate}/u.test(text)) throw this.#fault()
      return text
    } catch {
      this.#place = start
      throw this.#fault()
    }
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#place
    const found = pattern.exec(this.#text)?.[0]
    this.#place += found?.length ?? 0
    return found
  }

  #skip(character: string): boolean {
    const found = this.#text[this.#place] === character
    if (found) this.#place++
    return found
  }

  #fault(): InvalidJson {
    const lines = this.#text.slice(0, this.#place).split('\n')
    return new InvalidJson(`line ${lines.length} column ${(lines.at(-1)?.length ?? 0) + 1}`)
  }
}
