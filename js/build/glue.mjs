// The glue that wasm-bindgen writes, as the bundles need it.

/**
 * The generated glue, with its imports and exports by names that do not change, so that who does not need the core need
 * not have it. It makes its text codecs when they are used first: an import must not need them (jsdom has none).
 */
export function glue(generated, wasm) {
  const codecs = [
    [
      /^let cachedTextDecoder = new TextDecoder\((.*)\);\ncachedTextDecoder\.decode\(\);$/m,
      'let cachedTextDecoder = { decode: (bytes) => (cachedTextDecoder = new TextDecoder($1)).decode(bytes) };',
    ],
    [
      /^const cachedTextEncoder = new TextEncoder\(\);\n\nif \(!\('encodeInto' in cachedTextEncoder\)\) \{\n[\s\S]*?\n\}$/m,
      'let cachedTextEncoder = { encodeInto: (text, view) => (cachedTextEncoder = new TextEncoder()).encodeInto(text, view) };',
    ],
  ]
  const text = codecs.reduce((text, [pattern, lazy]) => {
    if (!pattern.test(text))
      throw new Error(`wasm-bindgen writes another glue: nothing in it is like ${pattern}`)
    return text.replace(pattern, lazy)
  }, generated)
  // Not by compiling it, which not every module can be here: the names stand in it, each after its
  // length.
  const written = [...generated.matchAll(/^export function (__wb\w+)\(/gm)].map(([, name]) => name)
  const imported = written.filter((name) => wasm.includes(String.fromCharCode(name.length) + name))
  if (imported.length === 0) throw new Error('wasm-bindgen writes another glue: no import is in it')
  return `${text}\nexport const imports = () => ({ ${imported.join(', ')} })\nexport { __wbg_set_wasm as use }\n`
}
