// What an operator has typed.
import type { RequestParts } from '../request.js'
import { parseTime } from './moment.js'

/** The texts of the page's fields. */
export type Fields = Readonly<
  Record<'token' | 'keys' | 'configuration' | 'method' | 'path' | 'headers' | 'time', string>
>
export type FieldName = keyof Fields

/** A field that cannot be read, and why. */
export class FieldError extends Error {
  readonly field: FieldName

  constructor(field: FieldName, text: string) {
    super(text)
    this.field = field
  }
}

/** The token; what stands around it when it is copied is none of it. */
export function readToken(text: string): { token: string; note?: string } {
  const trimmed = text.trim()
  const token = trimmed.replace(/^(?:authorization:\s*)?bearer\s+/i, '')
  return token === trimmed ? { token } : { token, note: '“Bearer” is not a part of the token.' }
}

/** JSON, if there is any. */
export function readJson(field: FieldName, text: string): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new FieldError(field, `expected JSON: ${(error as Error).message}`)
  }
}

/** When to judge. */
export function readTime(text: string, now: number): number {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed.toLowerCase() === 'now') return now
  const seconds = parseTime(trimmed)
  if (seconds === undefined)
    throw new FieldError('time', 'expected seconds since 1970, or a time such as 2026-05-04T10:00Z')
  return seconds
}

/** A request that somebody has described. */
export interface DescribedRequest {
  readonly request: RequestParts
  readonly hasCookie: boolean
  /** Whether it brings the token that is looked at: where it says so, in `Authorization`, or not at all. */
  readonly token: 'placed' | 'added' | 'none'
}

/** The request, if there is one. */
export function readRequest(fields: Fields, token: string): DescribedRequest | undefined {
  const place = (text: string) => text.replaceAll('{token}', token)
  const target = fields.path.trim()
  const headers = fields.headers
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line, index) => readHeader(place(line), index))
  if (target === '') {
    if (headers.length > 0) throw new FieldError('path', 'expected a path: it makes the request')
    return undefined
  }
  const whole = [fields.path, fields.headers].join('\n')
  const has = (wanted: string) => headers.some(([name]) => name.toLowerCase() === wanted)
  const isPlaced = token !== '' && (whole.includes('{token}') || whole.includes(token))
  const isAdded = token !== '' && !isPlaced && !has('authorization')
  if (isAdded) headers.push(['authorization', `Bearer ${token}`])
  const method = fields.method.trim() || 'GET'
  const address = /^https?:/i.test(target) ? { url: place(target) } : { path: place(target) }
  return {
    request: { method, ...address, headers },
    hasCookie: has('cookie'),
    token: isPlaced ? 'placed' : isAdded ? 'added' : 'none',
  }
}

function readHeader(line: string, index: number): [string, string] {
  const colon = line.indexOf(':')
  if (colon < 1) throw new FieldError('headers', `line ${index + 1}: expected “name: value”`)
  return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
}
