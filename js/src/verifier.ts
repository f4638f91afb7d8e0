import { document, type Configuration, type ShortConfiguration } from './configuration.js'
import { ConfigurationError, TokenError, type Reason } from './error.js'
import { instantiate, output, seconds, TokenInput, type CoreVerifier } from './core.js'
import { Fetcher } from './fetcher.js'
import { bare, has, member } from './member.js'
import type { Runtime, SourceState } from './remote.js'
import { head, type RequestLike } from './request.js'

/** Claims as JSON gives them; integers beyond 2^53 are bigints. */
export type Claims = Readonly<Record<string, unknown>>

/** A token that was verified. Everything in it is frozen. */
export interface VerifiedToken<C = Claims> {
  /** What was signed; parsed when first looked at. */
  readonly claims: C
  readonly issuer: string
  readonly subject: string | undefined
  readonly roles: readonly string[]
  /** `permissions` and the values of `scope`. */
  readonly permissions: readonly string[]
  /** Seconds since 1970. */
  readonly expiresAt: number
  readonly keyId: string | undefined
  /** Whether the token or one of its roles grants this permission, and each of these claims has this value. */
  can(permission: string, match?: UserInformation): boolean
  /** The same; throws a `TokenError` with `binding_mismatch` or `permission_denied` (403). */
  authorize(permission: string, match?: UserInformation): void
}

/** What the application knows of the user or the resource: claims by name, each equal to this value or an array that has it. */
export type UserInformation = Readonly<Record<string, string | number | bigint | boolean>>

/** What is not part of the configuration document. */
export interface CreateOptions extends Runtime {
  /** Variables that secrets of the configuration may name, for instance `process.env`. */
  environment?: Readonly<Record<string, string | undefined>>
}

/** When to judge. */
export interface Options {
  /** Seconds since 1970; the host's clock if absent. */
  now?: number
}

/** The request that goes on: the same with its edits made. */
export interface Upstream { readonly path: string; readonly headers: readonly (readonly [string, string])[] }

/** The answer to a denied request. */
export interface DenialResponse { readonly status: number; readonly headers: readonly (readonly [string, string])[]; readonly body: string }

/** Why a request is refused. */
export interface Refusal {
  readonly reason: Reason
  /** The claim that is missing, has a wrong form or does not match: its name, or a JSON pointer to one that lies deeper. */
  readonly claim: string | undefined
  /** For logs of the application: what is wrong, and what the configuration accepts. Nothing of the token is in it. */
  readonly message: string
}

/** What to do with a request. */
export type Decision<C = Claims> =
  /** `token` is there unless the rules ask for none. */
  | { readonly verdict: 'allow'; readonly token: VerifiedToken<C> | undefined; readonly upstream: Upstream }
  | { readonly verdict: 'deny'; readonly status: number; readonly response: DenialResponse } & Refusal
  /** It would be denied, but the configuration says `"mode": "observe"`: let it go on. */
  | { readonly verdict: 'observe'; readonly status: number; readonly response: DenialResponse; readonly upstream: Upstream } & Refusal

declare global {
  // As the newest library of TypeScript and @types/node have it, for those who have neither.
  interface SymbolConstructor { readonly dispose: unique symbol }
}

/** Verifies tokens and decides about requests. */
export interface Verifier<C = Claims> {
  /** Verifies a bare token; rejects with a `TokenError`. Fetches remote keys when they are due. */
  verify(token: string | undefined | null, options?: Options): Promise<VerifiedToken<C>>
  /** The same at once, with the keys that are there; throws a `TokenError`. */
  verifySync(token: string | undefined | null, options?: Options): VerifiedToken<C>
  /** The same without throwing. */
  safeVerify(token: string | undefined | null, options?: Options): Promise<{ ok: true; token: VerifiedToken<C> } | { ok: false; error: TokenError }>
  /** Finds the token of a request, verifies it, and asks the rules. Never throws for a hostile request; a relative `url` by itself is a `TypeError`. */
  decide(request: RequestLike, options?: Options): Promise<Decision<C>>
  /** The same at once, with the keys that are there. */
  decideSync(request: RequestLike, options?: Options): Decision<C>
  /** Fetches all remote keys now. Faults go to `onFault`, and the keys from before stay. */
  reload(): Promise<void>
  /** The state of each remote source. */
  readonly sources: readonly SourceState[]
  /** Whether all keys are there and no refresh has been missed. */
  readonly fresh: boolean
  /** What the configuration says and hardly means: skipped keys, rules that never match. */
  readonly warnings: readonly ConfigurationWarning[]
  /** Gives back the memory of the core and stops fetching; the verifier is of no use then. Only for programs that make many: one for each process is the rule. */
  free(): void
  /** The same, for `using`. */
  [Symbol.dispose](): void
}

/** Something to look at in a configuration that is accepted. */
export interface ConfigurationWarning {
  /** JSON pointer (RFC 6901) into the object given to `createVerifier`. */
  readonly pointer: string
  readonly problem: string
}

/** @internal The module to instantiate; each entry point brings its own. */
export type ModuleSource = () => WebAssembly.Module

interface Denied { verdict: 'deny' | 'observe'; upstream?: Upstream; reason: Reason; claim?: string; hint?: string; status: number; text: string; retryable: boolean; response: { status: number; headers: [string, string][]; body: string } }
interface Allowed {
  verdict: 'allow'; claims: string; wide?: [string, string][]; keyId?: string; issuer: string; subject?: string
  roles: string[]; permissions: string[]; expiresAt: number
}
/** A request that may go on. */
interface Passed { verdict: 'allow'; serial?: number; upstream?: Upstream }

/** @internal Makes `createVerifier` for an entry point. */
export function bind(source: ModuleSource) {
  /** Compiles a configuration; throws a `ConfigurationError`. No initialisation is needed before. */
  return function createVerifier<C = Claims>(config: Configuration | ShortConfiguration, runtime: CreateOptions = {}): Verifier<C> {
    const { json, pointer, keys } = document(config)
    const Core = instantiate(source)
    let verifier: CoreVerifier
    try {
      verifier = new Core(json, variables(member(runtime, 'environment') ?? {}))
    } catch (error) {
      if (!has(error, 'problem')) throw error
      const fault = error as { pointer: string; problem: string }
      throw new ConfigurationError(pointer(fault.pointer), fault.problem)
    }
    const { warnings } = JSON.parse(verifier.warnings()) as { warnings: [string, string][] }
    const fetcher = new Fetcher(verifier, keys, runtime)
    let freed = false
    const free = () => {
      if (freed) return
      freed = true
      fetcher.stop()
      verifier.free()
    }
    const alive = () => {
      if (freed) throw new Error('the verifier has been freed')
    }
    const input = new TokenInput(verifier)
    const kept = new Kept<C>(verifier)
    /** Nobody waits, but the next caller finds the keys. */
    const startFetches = <T>(result: T): T => {
      if (!fetcher.empty) fetcher.start()
      return result
    }
    /** Judges with fresh keys, and again if it turns out that the key may have come since. */
    const judgeFresh = async <T>(attempt: () => T, lacksKeys: (result: T) => boolean): Promise<T> => {
      alive()
      if (fetcher.empty) return attempt()
      await fetcher.prepare(false)
      alive()
      const result = attempt()
      if (!lacksKeys(result) || !(await fetcher.prepare(true))) return result
      alive()
      return attempt()
    }
    const grants = (roles: readonly string[], permission: string) => {
      alive()
      return verifier.grants(roles.join('\n'), permission)
    }
    /** A refusal as the core words it. */
    const refuse = (code: Reason, claim?: string) => {
      alive()
      return refusal({ ...(parse(output(verifier, verifier.refuse(code))) as Denied), ...(claim !== undefined && { claim }) })
    }
    // `now` has been read: between what is written into the core and its verdict nothing of the caller's may run.
    const judgeToken = (token: string | undefined | null, now: Now): VerifiedToken<C> | TokenError => {
      if (token === undefined || token === null) return refuse('missing_token')
      if (typeof token !== 'string') return refuse('malformed')
      const time = now ?? seconds()
      const serial = verifier.verify(input.write(token), time)
      const known = kept.get(serial)
      if (known) return known
      const verdict = parse(output(verifier, verifier.verdict()))
      return verdict.verdict === 'allow' ? kept.add(serial, verified<C>(verdict, grants, refuse)) : refusal(verdict, lacksKeys(verdict.reason) ? fetcher.fault : undefined)
    }
    const judgeRequest = (request: string, now: Now): Decision<C> => {
      const verdict = JSON.parse(output(verifier, verifier.decide(request, now ?? seconds()))) as Passed | Denied
      const upstream = member(verdict, 'upstream')
      if (verdict.verdict === 'allow' && upstream) {
        const serial = member(verdict, 'serial')
        const token = serial === undefined ? undefined : (kept.get(serial) ?? kept.add(serial, verified<C>(parse(output(verifier, verifier.verdict())) as Allowed, grants, refuse)))
        return freeze({ verdict: 'allow', token, upstream })
      }
      // The core may have kept the token of a denied request in the place of others.
      kept.forget()
      const { reason, status, response } = verdict as Denied
      const refusal = { reason, claim: member(verdict as Denied, 'claim'), message: messageOf(verdict as Denied), status, response }
      if (verdict.verdict === 'observe' && upstream) return freeze({ verdict: 'observe', ...refusal, upstream })
      return freeze({ verdict: 'deny', ...refusal })
    }
    const verifyFresh = async (token: string | undefined | null, options?: Options) => {
      const now = nowOf(options)
      return judgeFresh(() => judgeToken(token, now), (result) => result instanceof TokenError && lacksKeys(result.code))
    }
    const api: Verifier<C> = {
      verifySync: (token, options) => {
        alive()
        return unwrap(startFetches(judgeToken(token, nowOf(options))))
      },
      verify: async (token, options) => unwrap(await verifyFresh(token, options)),
      safeVerify: async (token, options) => {
        const result = await verifyFresh(token, options)
        return result instanceof TokenError ? { ok: false, error: result } : { ok: true, token: result }
      },
      decideSync: (request, options) => {
        alive()
        return startFetches(judgeRequest(head(request), nowOf(options)))
      },
      decide: async (request, options) => {
        // Read at once: the caller may go on with the request.
        const [text, now] = [head(request), nowOf(options)]
        return judgeFresh(() => judgeRequest(text, now), (result) => result.verdict !== 'allow' && lacksKeys(result.reason))
      },
      reload: async () => {
        alive()
        await fetcher.reload()
      },
      get sources() {
        alive()
        return Object.freeze(fetcher.states())
      },
      get fresh() {
        alive()
        return fetcher.states().every((state) => state.fresh)
      },
      warnings: freeze(warnings.map(([place, problem]) => ({ pointer: pointer(place), problem }))),
      free,
      ...bare({ [Symbol.dispose ?? Symbol.for('datakit-token.dispose')]: free }) as { [Symbol.dispose]: () => void },
    }
    return Object.freeze(api)
  }
}

/** The tokens of the core's cache, and no others, by their serial numbers: frozen, so that all who send one may share what was made of it. */
class Kept<C> {
  readonly #core: CoreVerifier
  readonly #tokens = new Map<number, VerifiedToken<C>>()

  constructor(core: CoreVerifier) {
    this.#core = core
  }

  get(serial: number): VerifiedToken<C> | undefined {
    return serial === 0 ? undefined : this.#tokens.get(serial)
  }

  /** Keeps a token that the core keeps. */
  add(serial: number, token: VerifiedToken<C>): VerifiedToken<C> {
    if (serial === 0) return token
    this.#tokens.set(serial, token)
    this.forget()
    return token
  }

  /** Forgets what the core has forgotten. */
  forget(): void {
    for (let serial; (serial = this.#core.take_dropped()); ) this.#tokens.delete(serial)
  }
}

/** `NAME=VALUE`, with NUL between two: no variable of a real environment has one. */
function variables(environment: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(environment).filter(([, value]) => value !== undefined && !value.includes('\0'))
  return given.map(([name, value]) => `${name}=${value}`).join('\0')
}

function unwrap<T>(result: T | TokenError): T {
  if (result instanceof TokenError) throw result
  return result
}

/** Reasons that a fetch may remove. */
function lacksKeys(reason: Reason): boolean {
  return reason === 'unknown_key' || reason === 'keys_unavailable'
}

/** When to judge; `undefined` stands for the host's clock, whatever it says by then. */
type Now = number | undefined

function nowOf(options: Options | undefined): Now {
  if (options === undefined || options === null) return undefined
  const unknown = typeof options === 'object' && !(options instanceof Date) ? Object.keys(options).find((name) => name !== 'now') : ''
  if (unknown !== undefined) throw new TypeError(`expected options with \`now\`${unknown && `, found \`${unknown}\``}`)
  const now = member(options, 'now')
  // RFC 7519 section 2: NumericDate. Up to the year 9999, which milliseconds are far beyond.
  if (now !== undefined && !(typeof now === 'number' && now >= 1 && now < 253_402_300_800)) throw new TypeError('`now` is in seconds since 1970, as `Date.now() / 1000` gives them')
  return now
}

/** A line of JSON, and after it the claims of an accepted token. */
function parse(text: string): Allowed | Denied {
  const end = text.indexOf('\n')
  if (end < 0) return JSON.parse(text) as Denied
  const verdict = JSON.parse(text.slice(0, end)) as Allowed
  verdict.claims = text.slice(end + 1)
  return verdict
}

function refusal(denied: Denied, cause?: unknown): TokenError {
  const challenge = denied.response.headers.find(([name]) => name === 'www-authenticate')?.[1]
  return new TokenError(denied.reason, messageOf(denied), denied.status, denied.retryable, challenge, member(denied, 'claim'), cause)
}

function messageOf(denied: Denied): string {
  const hint = member(denied, 'hint')
  return hint === undefined ? denied.text : `${denied.text}: ${hint}`
}

function verified<C>(verdict: Allowed, granted: (roles: readonly string[], permission: string) => boolean, refuse: (code: Reason, claim?: string) => TokenError): VerifiedToken<C> {
  const { claims: text, roles, permissions } = verdict
  const wide = member(verdict, 'wide') ?? []
  let parsed: Record<string, unknown> | undefined
  // Not before somebody looks at them: parsing takes as long as everything else after the signature.
  const claims = () => {
    if (parsed) return parsed
    parsed = JSON.parse(text) as Record<string, unknown>
    for (const [pointer, number] of wide) widen(parsed, pointer, number)
    return freeze(parsed)
  }
  const grants = (permission: string) => permissions.includes(permission) || (roles.length > 0 && granted(roles, String(permission)))
  Object.freeze(roles)
  Object.freeze(permissions)
  return Object.freeze({
    get claims() {
      return claims() as C
    },
    issuer: verdict.issuer,
    subject: member(verdict, 'subject'),
    roles,
    permissions,
    expiresAt: verdict.expiresAt,
    keyId: member(verdict, 'keyId'),
    can: (permission: string, match?: UserInformation) => mismatch(claims, match) === undefined && grants(permission),
    authorize: (permission: string, match?: UserInformation) => {
      const claim = mismatch(claims, match)
      if (claim !== undefined) throw refuse('binding_mismatch', claim)
      if (!grants(permission)) throw refuse('permission_denied')
    },
  })
}

/** The first of these claims that does not have this value; one that is not there matches nothing. */
function mismatch(claims: () => Record<string, unknown>, match: UserInformation | undefined): string | undefined {
  return Object.entries(match ?? {}).find(([name, value]) => {
    const claim = Object.getOwnPropertyDescriptor(claims(), name)?.value as unknown
    // What the application does not know matches no token.
    if (value === undefined || value === null) return true
    return claim !== value && !(Array.isArray(claim) && claim.includes(value))
  })?.[0]
}

/** Puts the exact value where `JSON.parse` has lost it: a bigint for an integer, the text for what is infinite. */
function widen(claims: Record<string, unknown>, pointer: string, text: string): void {
  const names = pointer.split('/').slice(1).map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = names.pop()
  let place: any = claims
  // Own members only: a claim may be called `__proto__`.
  for (const name of names) place = Object.getOwnPropertyDescriptor(place, name)?.value
  if (last === undefined) return
  const value = Object.getOwnPropertyDescriptor(place, last)?.value
  const exact = /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : Number.isFinite(value) ? value : text
  Object.defineProperty(place, last, { value: exact, enumerable: true, configurable: true, writable: true })
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    // Own members only, also one called `__proto__`.
    for (const member of Object.values(value)) freeze(member)
  }
  return value
}
