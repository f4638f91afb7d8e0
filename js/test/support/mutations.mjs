// One walk over a JSON Schema (as the core makes it) and a configuration: what is used, and every way to spoil it.

/** Each place of the schema by its name. */
function* walk(schema, node = schema, place = '', seen = new Set()) {
  const name = node.$ref?.split('/').at(-1)
  if (name) {
    if (!seen.has(name)) yield* walk(schema, schema.$defs[name], name, seen.add(name))
    return
  }
  for (const value of node.enum ?? []) yield `${place} = ${value}`
  for (const one of node.anyOf ?? []) yield* walk(schema, one, place, seen)
  if (node.items) yield* walk(schema, node.items, place, seen)
  if (typeof node.additionalProperties === 'object')
    yield* walk(schema, node.additionalProperties, place, seen)
  for (const [member, value] of Object.entries(node.properties ?? {})) {
    yield `${place}/${member}`
    yield* walk(schema, value, `${place}/${member}`, seen)
  }
}

/** Every member and every enum value of the schema, by the definition that has it. */
export const places = (schema) => new Set(walk(schema))

/** The same names for what a configuration uses, each with its path there and its enum values. */
export function* uses(schema, value, node = schema, place = '', path = []) {
  const name = node.$ref?.split('/').at(-1)
  if (name) return yield* uses(schema, value, schema.$defs[name], name, path)
  if (node.enum) yield { place: `${place} = ${value}`, path, values: node.enum }
  for (const one of node.anyOf ?? []) yield* uses(schema, value, one, place, path)
  if (typeof value !== 'object' || value === null) return
  for (const [member, inner] of Object.entries(value)) {
    const at = [...path, member]
    if (Array.isArray(value)) {
      if (node.items) yield* uses(schema, inner, node.items, place, at)
    } else if (node.properties && Object.hasOwn(node.properties, member)) {
      yield { place: `${place}/${member}`, path: at }
      yield* uses(schema, inner, node.properties[member], `${place}/${member}`, at)
    } else if (typeof node.additionalProperties === 'object') {
      yield* uses(schema, inner, node.additionalProperties, place, at)
    }
  }
}

const SPOILT = [null, 1, -1, 1.5, 1e20, true, '', 'x', '30s', [], {}, ['x'], [1], { x: 1 }]

/** Every member removed, an unknown one in every object, every value replaced by all others. */
function* spoilt(node, path = []) {
  if (typeof node === 'object' && node !== null) {
    if (!Array.isArray(node)) yield { path: [...path, 'unknown-member'], value: 1 }
    for (const name of Object.keys(node)) {
      yield { path: [...path, name], remove: true }
      yield* spoilt(node[name], [...path, name])
    }
  }
  for (const value of SPOILT) yield { path, value }
}

/** The members that objects of this kind may have, each next to the others: what excludes what. */
function* joined(schema, sample) {
  const donors = new Map()
  const objects = [...uses(schema, sample)].filter(({ values }) => !values)
  for (const { place, path } of objects) if (!donors.has(place)) donors.set(place, at(sample, path))
  for (const { place, path } of objects) {
    const owner = place.slice(0, place.lastIndexOf('/'))
    for (const [other, value] of donors) {
      const member = other.slice(owner.length + 1)
      if (other.startsWith(`${owner}/`) && !member.includes('/'))
        yield { path: [...path.slice(0, -1), member], value }
    }
  }
}

/** Every value of every enum in each of its places, and its misspellings. */
function* named(schema, sample) {
  for (const { path, values } of uses(schema, sample)) {
    for (const value of values ?? [])
      yield* [value, `${value}x`, value.slice(1), value.toUpperCase(), ` ${value}`].map(
        (value) => ({ path, value }),
      )
  }
}

const at = (node, path) => path.reduce((node, name) => node[name], node)

function changed(sample, { path, value, remove }) {
  if (path.length === 0) return value
  const copy = structuredClone(sample)
  const place = at(copy, path.slice(0, -1))
  const last = path.at(-1)
  if (!remove) place[last] = value
  else if (Array.isArray(place)) place.splice(Number(last), 1)
  else delete place[last]
  return copy
}

/** Each different configuration that is one step from the sample, and where. */
export function* mutations(schema, sample) {
  const seen = new Set([JSON.stringify(sample)])
  for (const make of [
    () => spoilt(sample),
    () => joined(schema, sample),
    () => named(schema, sample),
  ]) {
    for (const mutation of make()) {
      const config = changed(sample, mutation)
      const text = JSON.stringify(config)
      // The short form is JavaScript's own; the schema is about the document.
      if (
        typeof config !== 'object' ||
        config === null ||
        Array.isArray(config) ||
        !('version' in config || 'providers' in config)
      )
        continue
      if (seen.has(text)) continue
      seen.add(text)
      yield { ...mutation, config }
    }
  }
}
