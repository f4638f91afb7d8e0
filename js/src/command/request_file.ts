// A request in a file: the faults that `OwnedRequest::from_json` finds (crates/token/src/request/request.rs), where the
// core by itself would only deny the request.
import { failureAt, type Failure } from './failure.js'
import { read } from './files.js'
import { InvalidJson, readJson, STRICT, type Json } from './json.js'

const MEMBERS = ['method', 'path', 'headers', 'host', 'scheme', 'connection']
const CONNECTION = [
  'client_address',
  'tls_version',
  'server_name',
  'peer_certificate_sha256',
  'peer_subject',
  'peer_uri_san',
]

/** The text of a request, if it is one. */
export function readRequest(file: string): string {
  const text = read(file)
  const fault = (pointer: string, problem: string) =>
    failureAt(file, `${pointer || 'the document'}: ${problem}`)
  let request: Json
  try {
    request = readJson(text, STRICT)
  } catch (error) {
    if (!(error instanceof InvalidJson)) throw error
    request = null
  }
  if (!(request instanceof Map)) throw fault('', 'expected a strict JSON object')
  const unknown = [...request.keys()].find((name) => !MEMBERS.includes(name))
  if (unknown !== undefined)
    throw fault(
      pointer(unknown),
      `unknown member, expected one of ${MEMBERS.map((name) => `\`${name}\``).join(', ')}`,
    )
  checkHeaders(request.get('headers'), fault)
  for (const name of ['host', 'scheme'])
    if (request.has(name)) checkBytes(request.get(name), pointer(name), fault)
  checkConnection(request.get('connection'), fault)
  for (const name of ['method', 'path']) checkBytes(request.get(name), pointer(name), fault)
  return text.toString()
}

type Fault = (pointer: string, problem: string) => Failure

/** RFC 6901 section 3. */
const pointer = (...names: string[]) =>
  names.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

function checkHeaders(headers: Json | undefined, fault: Fault): void {
  if (headers === undefined) return
  if (!Array.isArray(headers)) throw fault('/headers', 'expected an array of `[name, value]`')
  for (const pair of headers) {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw fault('/headers', 'expected `[name, value]`')
    for (const text of pair) checkBytes(text, '/headers', fault)
  }
}

function checkConnection(connection: Json | undefined, fault: Fault): void {
  if (connection === undefined) return
  if (!(connection instanceof Map)) throw fault('/connection', 'expected an object')
  for (const [name, value] of connection) {
    const place = pointer('connection', name)
    if (!CONNECTION.includes(name)) throw fault(place, 'unknown property')
    checkBytes(value, place, fault)
  }
}

function checkBytes(value: Json | undefined, place: string, fault: Fault): void {
  if (typeof value === 'string' && [...value].every((character) => character <= '\u00ff')) return
  throw fault(place, 'expected a string of the characters U+0000 to U+00FF')
}
