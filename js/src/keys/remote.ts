import type { JwkSet } from './jwk.js'
import { bare, member } from '../member.js'

/**
 * Where keys survive a restart: a KV namespace, a file, a cache. Values are texts; an error counts as nothing kept, and
 * is a fault.
 */
export type Store = {
  get(key: string): Promise<string | null | undefined> | string | null | undefined
} & ({ set(key: string, value: string): unknown } | { put(key: string, value: string): unknown })

/** A fetch of keys that brought nothing usable. The keys from before stay in use. */
export interface SourceFault {
  readonly provider: string
  /**
   * `unreachable`, `bad_status`, `untrusted`, `rolled_back`, ...: the same words that Envoy's statistics have;
   * `store_failed` for the store.
   */
  readonly code: string
  /** Where, and what was expected. */
  readonly message: string
  /** What `fetch` or the store has thrown. */
  readonly cause?: unknown
}

/** How to fetch; none of it is part of the configuration document. */
export interface Runtime {
  /** Instead of the global `fetch`. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>
  /** Sent with each fetch. */
  headers?: Readonly<Record<string, string>>
  store?: Store
  onFault?: (fault: SourceFault) => void
}

/** When to fetch, in the units of the configuration: `30s`, `10m`, `6h`, `1d`. */
export interface RemoteTimes {
  /** Time that a fetch may take; `5s` if absent. */
  timeout?: string
  /** Longest time between two fetches; the server's `max-age` or the bundle's `ttl` may shorten it. `5m` if absent. */
  refresh?: string
  /** Shortest time between two fetches, failed ones included. `10s` if absent. */
  cooldown?: string
  /** How long keys may be used when no fetch succeeds: `1h` for a key set; `24h` after its `iat` for a bundle. */
  stale_for?: string
  /** Longest document; 65536 for a key set, 1048576 for a bundle. */
  max_bytes?: number
}

/** A document on a server, as in the configuration. */
export interface Remote extends RemoteTimes {
  /** https; http only to the machine itself. */
  url: string
  /** Envoy's name for the server. */
  cluster?: string
}

/** A trust bundle, as in the configuration: inline, or on a server. */
export type Bundle = {
  /** The keys that may sign it. */
  roots: JwkSet
  /** Bundles with a lower `seq` are refused from the start. */
  min_seq?: number
} & ({ inline: string; remote?: never } | { remote: Remote; inline?: never })

/** One remote source of keys, seen from outside. */
export interface SourceState {
  readonly provider: string
  /** There are keys, and no refresh has been missed. */
  readonly fresh: boolean
  readonly loaded: boolean
  /** Fetches that failed since the last good one. */
  readonly failures: number
  readonly keys: number
  /** Revocation rules of the trust bundle. */
  readonly rules: number
  /** `seq` of the trust bundle. */
  readonly sequence: number | null
}

const RUNTIME = Symbol.for('datakit-token.runtime')
const RUNTIME_MEMBERS = ['fetch', 'headers', 'store', 'onFault'] as const

/** Keys from a JWK Set on a server. It has no protection against an old set served again: see `remoteBundle`. */
export function remoteKeySet(
  url: string | URL,
  options: RemoteTimes & Runtime = {},
): { remote: Remote } {
  return Object.freeze({
    remote: { url: String(url), ...timesOf(options) },
    [RUNTIME]: runtimeOf(undefined, options),
  })
}

/** Keys and revocation rules from a signed trust bundle on a server. */
export function remoteBundle(
  url: string | URL,
  options: { roots: JwkSet; min_seq?: number } & RemoteTimes & Runtime,
): { bundle: Bundle } {
  const bundle: Bundle = {
    roots: member(options, 'roots') as JwkSet,
    remote: { url: String(url), ...timesOf(options, 'roots', 'min_seq') },
  }
  const least = member(options, 'min_seq')
  if (least !== undefined) bundle.min_seq = least
  return Object.freeze({ bundle, [RUNTIME]: runtimeOf(undefined, options) })
}

/** What belongs into the configuration document, misspelled members included: the core refuses those. */
function timesOf(options: RemoteTimes, ...others: string[]): RemoteTimes {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => ![...RUNTIME_MEMBERS, ...others].includes(name)),
  )
}

/** @internal What was given to the function that made these keys, and for the rest what holds for all. */
export function runtimeOf(keys: object | undefined, all: Runtime): Runtime {
  const own = member(keys as { [RUNTIME]?: Runtime } | undefined, RUNTIME)
  return bare(
    Object.fromEntries(
      RUNTIME_MEMBERS.map((name) => [name, member(own, name) ?? member(all, name)]),
    ),
  )
}
