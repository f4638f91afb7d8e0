import { has, member } from './member.js'

/** The head of a request, in parts. */
export interface RequestParts {
  readonly method: string
  /** An absolute http or https URL. What two readers could read in two ways is refused. */
  readonly url?: string
  /** The request target with its query, as it was sent; wins over `url`. */
  readonly path?: string
  /**
   * `http` or `https`, where there is no `url` to say so: for tokens in cookies, whose pages have to come by the same
   * scheme.
   */
  readonly scheme?: string
  readonly headers:
    | Iterable<readonly [string, string]>
    | Readonly<Record<string, string | readonly string[] | undefined>>
  /**
   * What the host knows of the connection, for rules that ask. `tls_version` is there by itself if `url` begins with
   * `https:`.
   */
  readonly connection?: Readonly<Partial<Record<(typeof CONNECTION)[number], string>>>
}

/**
 * A request as Node has it, and Express and Connect: `http.IncomingMessage`, `http2.Http2ServerRequest`. Its headers
 * are taken as they came, each line by itself, and its target before a router took something off it.
 */
export interface NodeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly originalUrl?: string
  readonly rawHeaders: readonly string[]
}

/**
 * A fetch `Request`, a request of Node or of a framework that has one (`raw` in Fastify, `req` in Koa), or its parts.
 */
export type RequestLike =
  | RequestParts
  | NodeRequest
  | { readonly raw: NodeRequest; readonly originalUrl?: string }
  | { readonly req: NodeRequest; readonly originalUrl?: string }

const CONNECTION = [
  'client_address',
  'tls_version',
  'server_name',
  'peer_certificate_sha256',
  'peer_subject',
  'peer_uri_san',
] as const

/** What is wrong is the call, not the request. */
class Misuse extends TypeError {}

/**
 * @internal The head of a request as JSON; empty, which the core refuses, where it cannot be read. Nothing of the
 * caller's runs later. Throws a `TypeError` where the caller's own mistake would let a request slip past its rules.
 */
export function serializeRequest(request: RequestLike): string {
  try {
    const node = ofNode(request)
    return JSON.stringify(node ? readNode(node, request) : read(request as RequestParts))
  } catch (error) {
    if (error instanceof Misuse) throw error
    return ''
  }
}

/** What Node has parsed, if there is such a thing in it. */
function ofNode(request: RequestLike): NodeRequest | undefined {
  const { raw, req } = {
    raw: member(request as { raw?: unknown }, 'raw'),
    req: member(request as { req?: unknown }, 'req'),
  }
  return [request, raw, req].find((one) =>
    Array.isArray(member(one as Partial<NodeRequest>, 'rawHeaders')),
  ) as NodeRequest | undefined
}

/** The lines as they came: Node's `headers` has joined some, and dropped the second of others. */
function readNode(node: NodeRequest, request: RequestLike) {
  const given = node.rawHeaders
  const lines: [string, string][] = []
  for (let index = 0; index + 1 < given.length; index += 2)
    lines.push([String(given[index]), String(given[index + 1])])
  const pseudo = (wanted: string) => lines.find(([name]) => name === wanted)?.[1]
  const headers = lines.filter(([name]) => !name.startsWith(':'))
  // A router takes what it is mounted at off `url`; rules are about what was sent.
  const target =
    member(node, 'originalUrl') ??
    member(request as { originalUrl?: string }, 'originalUrl') ??
    member(node, 'url')
  const { path, host, scheme, odd } = split(String(target))
  const own = host ?? pseudo(':authority')
  const hosts = headers.filter(([name]) => name.toLowerCase() === 'host')
  return {
    method: String(member(node, 'method')),
    path: odd ? `${path}#` : path,
    headers,
    host: hosts.length > 0 ? undefined : own,
    scheme: scheme ?? pseudo(':scheme'),
    connection: {},
  }
}

/** Lone surrogates become U+FFFD, which the core refuses like every other non-byte. */
function read(request: RequestParts) {
  const headers: [string, string][] = []
  const given = member(request, 'headers') ?? {}
  if (has(given, Symbol.iterator)) {
    for (const [name, value] of given as Iterable<readonly [string, string]>)
      headers.push([String(name), String(value)])
  } else {
    for (const [name, value] of Object.entries(
      given as Record<string, string | readonly string[] | undefined>,
    )) {
      if (value === undefined) continue
      for (const one of Array.isArray(value) ? value : [value]) headers.push([name, String(one)])
    }
  }
  const address = member(request, 'url') as unknown
  if (typeof address === 'string' && address.startsWith('/') && !has(request, 'path')) {
    throw new Misuse(
      '`url` is relative, and behind a mounted router only a part of what was sent: hand over the request itself, an absolute `url`, or as `path` what the framework calls `originalUrl`',
    )
  }
  const url = address === undefined || address === null ? undefined : split(String(address))
  const hosts = headers.filter(([name]) => name.toLowerCase() === 'host')
  // Who made the URL of such a header may look for the path elsewhere.
  const odd =
    url?.odd || (url?.host !== undefined && hosts.some(([, value]) => /[\0- /?#@\\]/.test(value)))
  const scheme = url?.scheme ?? member(request, 'scheme')
  const connection: Record<string, string> = url?.scheme === 'https' ? { tls_version: 'https' } : {}
  const known = member(request, 'connection')
  for (const name of CONNECTION) {
    const value = member(known, name)
    if (value !== undefined) connection[name] = value
  }
  const host = hosts.length > 0 ? undefined : url?.host
  const path = String(member(request, 'path') ?? url?.path)
  // No target has a fragment: the core refuses it, whatever the rules say.
  return {
    method: String(member(request, 'method')),
    path: odd ? `${path}#` : path,
    headers,
    host,
    scheme,
    connection,
  }
}

interface Parts {
  path: string
  host: string | undefined
  scheme: string | undefined
  odd: boolean
}

/**
 * Takes a URL apart: the only place that does. The path stays as it is spelled, for the core to judge; all else has to
 * be what `new URL` reads, as that is what the caller may look at. Odd is what is not: with `\` or `@` in the
 * authority, with what WHATWG removes, with another spelling of a host.
 */
function split(url: string): Parts {
  const scheme = /^(https?):/i.exec(url)?.[1]?.toLowerCase()
  const odd = { path: url, host: undefined, scheme, odd: true }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\0-\x1f]| $/.test(url)) return odd
  // The target of a request, as Node has it.
  if (url.startsWith('/')) return { path: url, host: undefined, scheme, odd: false }
  const [, authority, rest = ''] = /^https?:\/\/([^/?#]+)([^#]*)/i.exec(url) ?? []
  if (!authority) return odd
  try {
    const { host } = new URL(url)
    const name = authority.toLowerCase()
    if (name !== host && name !== `${host}:${scheme === 'https' ? 443 : 80}`) return odd
  } catch {
    return odd
  }
  return { path: rest.startsWith('/') ? rest : `/${rest}`, host: authority, scheme, odd: false }
}
