// The text that carries the module turns back into the very bytes.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { pack, unpacker } from '../build/pack.mjs'

const module = new WebAssembly.Module(unpacker())

function unpack({ text, table }) {
  const { memory, unpack } = new WebAssembly.Instance(module).exports
  memory.grow(Math.ceil(text.length / 65_536))
  const view = new Uint8Array(memory.buffer)
  view.set(table)
  new TextEncoder().encodeInto(text, view.subarray(table.length))
  return view.slice(table.length, unpack(table.length, table.length + text.length))
}

/** The same bytes at each run, each value as often as the next. */
const even = Uint8Array.from(
  { length: 100_000 },
  (_, index) => Math.imul(index, 2_654_435_761) >>> 24,
)

test('every byte survives, frequent or rare', () => {
  const every = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  const skewed = even.map((byte) => (byte * byte) >>> 8)
  for (const bytes of [
    every,
    every.toReversed(),
    even,
    skewed,
    Uint8Array.of(0),
    Uint8Array.of(255),
    new Uint8Array(1000),
  ]) {
    assert.deepEqual(unpack(pack(bytes)), bytes)
  }
})

test('the text needs no escapes, in JavaScript or in a page', () => {
  assert.match(pack(even).text, /^[#-;=-[\]-~]+$/)
})

test('it compresses as well as the bytes', () => {
  const wasm = readFileSync(
    join(process.env.DATAKIT_TOKEN_PACKAGE, 'node_modules/datakit-token/dist/core.wasm'),
  )
  const [bytes, text] = [wasm, Buffer.from(pack(wasm).text)].map(
    (content) => gzipSync(content, { level: 9 }).length,
  )
  assert.ok(text < 1.02 * bytes, `${text} bytes for ${bytes}`)
})
