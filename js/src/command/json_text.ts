// JSON as the command in Rust writes it.
import { NumberText, type Json } from './json.js'

/** Compact, with the members of objects sorted by their names as UTF-8. */
export function writeCompact(value: Json, number = ({ text }: NumberText) => text): string {
  if (value instanceof NumberText) return number(value)
  if (Array.isArray(value)) return `[${value.map((element) => writeCompact(element, number))}]`
  if (!(value instanceof Map)) return JSON.stringify(value)
  const members = [...value]
    .map(([name, member]) => ({ name, member, bytes: Buffer.from(name) }))
    .sort((one, other) => Buffer.compare(one.bytes, other.bytes))
    .map(({ name, member }) => `${JSON.stringify(name)}:${writeCompact(member, number)}`)
  return `{${members}}`
}

/** In lines, with the members of objects in their order. */
export function writeLines(value: Json, margin = ''): string {
  const inner = `${margin}  `
  const list = (open: string, lines: string[], close: string) =>
    lines.length === 0
      ? `${open}${close}`
      : `${open}\n${inner}${lines.join(`,\n${inner}`)}\n${margin}${close}`
  if (Array.isArray(value))
    return list(
      '[',
      value.map((element) => writeLines(element, inner)),
      ']',
    )
  if (!(value instanceof Map)) return writeCompact(value)
  const line = ([name, member]: [string, Json]) =>
    `${JSON.stringify(name)}: ${writeLines(member, inner)}`
  return list('{', [...value].map(line), '}')
}
