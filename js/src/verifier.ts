import type { Claims } from './claims.js'
import {
  toDocument,
  type Configuration,
  type ShortConfiguration,
} from './configuration/document.js'
import type { Decision, RefusedDecision, RuleReference } from './decision.js'
import { ConfigurationError, TokenError, type Reason } from './error.js'
import { freeze } from './freeze.js'
import { Judge } from './judge.js'
import { Fetcher } from './keys/fetcher.js'
import type { Runtime, SourceState } from './keys/remote.js'
import { Logger, type Log } from './log.js'
import { bare, has, member } from './member.js'
import { serializeRequest, type RequestLike } from './request.js'
import { revoked, type IsRevoked } from './revocation.js'
import type { VerifiedToken } from './token.js'
import { lacksKeys } from './verdict.js'
import { instantiate, seconds, type CoreVerifier } from './wasm/core.js'

/** What is not part of the configuration document. */
export interface CreateOptions<C = Claims> extends Runtime {
  /** Variables that secrets of the configuration may name, for instance `process.env`. */
  environment?: Readonly<Record<string, string | undefined>>
  /**
   * The application's own list of revoked tokens, which `verify`, `safeVerify` and `decide` ask; those without waiting
   * throw a `TypeError` then. A trust bundle (`remoteBundle`) needs no such question.
   */
  isRevoked?: IsRevoked<C>
  /** Gets a line for each verdict, and for each fault of a key source. */
  log?: Log
}

/** When to judge. */
export interface Options {
  /** Seconds since 1970; the host's clock if absent. */
  now?: number
}

declare global {
  // As the newest library of TypeScript and @types/node have it, for those who have neither.
  interface SymbolConstructor {
    readonly dispose: unique symbol
  }
}

/** Verifies tokens and decides about requests. */
export interface Verifier<C = Claims> {
  /** Verifies a bare token; rejects with a `TokenError`. Fetches remote keys when they are due. */
  verify(token: string | undefined | null, options?: Options): Promise<VerifiedToken<C>>
  /** The same at once, with the keys that are there; throws a `TokenError`. */
  verifySync(token: string | undefined | null, options?: Options): VerifiedToken<C>
  /** The same without throwing. */
  safeVerify(
    token: string | undefined | null,
    options?: Options,
  ): Promise<{ ok: true; token: VerifiedToken<C> } | { ok: false; error: TokenError }>
  /**
   * Finds the token of a request, verifies it, and asks the rules. Never throws for a hostile request; a relative `url`
   * by itself is a `TypeError`.
   */
  decide(request: RequestLike, options?: Options): Promise<Decision<C>>
  /** The same at once, with the keys that are there. */
  decideSync(request: RequestLike, options?: Options): Decision<C>
  /**
   * What to do with a request that the application itself refuses, for instance because of a permission that one of its
   * routes asks for: the answer that `decide` would give for this reason.
   */
  refuse(request: RequestLike, reason: Reason): RefusedDecision
  /** The rule that is for a request, whatever its token; `undefined` if there is none, which denies it (`no_rule`). */
  ruleOf(request: RequestLike): RuleReference | undefined
  /** Fetches all remote keys now. Faults go to `onFault`, and the keys from before stay. */
  reload(): Promise<void>
  /** The state of each remote source. */
  readonly sources: readonly SourceState[]
  /** Whether all keys are there and no refresh has been missed. */
  readonly fresh: boolean
  /** What the configuration says and hardly means: skipped keys, rules that never match. */
  readonly warnings: readonly ConfigurationWarning[]
  /**
   * Gives back the memory of the core and stops fetching; the verifier is of no use then. Only for programs that make
   * many: one for each process is the rule.
   */
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

/** Compiles a configuration; throws a `ConfigurationError`. No initialisation is needed before. */
export type CreateVerifier = <C = Claims>(
  config: Configuration | ShortConfiguration,
  options?: CreateOptions<C>,
) => Verifier<C>

/** @internal Makes `createVerifier` for an entry point. */
export function bind(source: ModuleSource): CreateVerifier {
  return function createVerifier<C = Claims>(
    config: Configuration | ShortConfiguration,
    runtime: CreateOptions<C> = {},
  ): Verifier<C> {
    const isRevoked = callable(runtime, 'isRevoked')
    const logger = new Logger(callable(runtime, 'log'))
    const { json, pointer, keys } = toDocument(config)
    const Core = instantiate(source)
    let core: CoreVerifier
    try {
      core = new Core(json, variables(member(runtime, 'environment') ?? {}))
    } catch (error) {
      if (!has(error, 'problem')) throw error
      const fault = error as { pointer: string; problem: string }
      throw new ConfigurationError(pointer(fault.pointer), fault.problem)
    }
    const { warnings } = JSON.parse(core.warnings()) as { warnings: [string, string][] }
    const fetcher = new Fetcher(core, keys, runtime, (fault) => logger.fault(fault))
    const judge = new Judge<C>(core, () => fetcher.fault)
    const rules = rulesOf(config)
    const free = () => {
      fetcher.stop()
      judge.free()
    }
    /** Nobody waits, but the next caller finds the keys. */
    const startFetches = <T>(result: T): T => {
      if (!fetcher.empty) fetcher.start()
      return result
    }
    /** Judges with fresh keys, and again if it turns out that the key may have come since. */
    const judgeFresh = async <T>(
      attempt: () => T,
      lacksKeys: (result: T) => boolean,
    ): Promise<T> => {
      judge.alive()
      if (fetcher.empty) return attempt()
      await fetcher.prepare(false)
      judge.alive()
      const result = attempt()
      if (!lacksKeys(result) || !(await fetcher.prepare(true))) return result
      judge.alive()
      return attempt()
    }
    const verifyFresh = async (token: string | undefined | null, options?: Options) => {
      const now = nowOf(options)
      const result = await judgeFresh(
        () => judge.token(token, now ?? seconds()),
        (result) => result instanceof TokenError && lacksKeys(result.code),
      )
      const found =
        isRevoked && !(result instanceof TokenError) && (await revoked(isRevoked, result))
      return logger.verified<C, VerifiedToken<C> | TokenError>(
        found ? judge.refuse(found.code, found.cause) : result,
      )
    }
    /** With keys that are there, and without asking anybody. */
    const atOnce = () => {
      judge.alive()
      if (isRevoked)
        throw new TypeError('with `isRevoked` there are `verify`, `safeVerify` and `decide` alone')
    }
    const api: Verifier<C> = {
      verifySync: (token, options) => {
        atOnce()
        const result = judge.token(token, nowOf(options) ?? seconds())
        return unwrap(logger.verified<C, VerifiedToken<C> | TokenError>(startFetches(result)))
      },
      verify: async (token, options) => unwrap(await verifyFresh(token, options)),
      safeVerify: async (token, options) => {
        const result = await verifyFresh(token, options)
        return result instanceof TokenError
          ? { ok: false, error: result }
          : { ok: true, token: result }
      },
      decideSync: (request, options) => {
        atOnce()
        const text = serializeRequest(request)
        const decision = startFetches(judge.request(text, nowOf(options) ?? seconds()))
        return logger.decided(decision, () => rules(judge.ruleOf(text)))
      },
      decide: async (request, options) => {
        // Read at once: the caller may go on with the request.
        const [text, now] = [serializeRequest(request), nowOf(options)]
        const decision = await judgeFresh(
          () => judge.request(text, now ?? seconds()),
          (result) => result.verdict !== 'allow' && lacksKeys(result.reason),
        )
        const token = decision.verdict === 'allow' ? decision.token : undefined
        const found = isRevoked && token && (await revoked(isRevoked, token))
        return logger.decided(found ? judge.refuseRequest(text, found.code) : decision, () =>
          rules(judge.ruleOf(text)),
        )
      },
      refuse: (request, reason) => judge.refuseRequest(serializeRequest(request), reason),
      ruleOf: (request) => rules(judge.ruleOf(serializeRequest(request))),
      reload: async () => {
        judge.alive()
        await fetcher.reload()
      },
      get sources() {
        judge.alive()
        return Object.freeze(fetcher.states())
      },
      get fresh() {
        judge.alive()
        return fetcher.states().every((state) => state.fresh)
      },
      warnings: freeze(warnings.map(([place, problem]) => ({ pointer: pointer(place), problem }))),
      free,
      ...(bare({ [Symbol.dispose ?? Symbol.for('datakit-token.dispose')]: free }) as {
        [Symbol.dispose]: () => void
      }),
    }
    return Object.freeze(api)
  }
}

/** An option that is called, if there is one. */
function callable<Name extends 'isRevoked' | 'log', C>(
  options: CreateOptions<C>,
  name: Name,
): CreateOptions<C>[Name] | undefined {
  const option = member(options, name)
  if (option !== undefined && typeof option !== 'function')
    throw new TypeError(`expected \`${name}\` to be a function`)
  return option
}

/** Finds rules of the configuration by their places; those after the last are of presets. */
function rulesOf(config: Configuration | ShortConfiguration) {
  const names = (member(config, 'rules') ?? []).map((rule) => member(rule, 'name'))
  return (place: number | undefined): RuleReference | undefined =>
    place === undefined
      ? undefined
      : Object.freeze({
          pointer: place < names.length ? `/rules/${place}` : undefined,
          name: names[place],
        })
}

/** `NAME=VALUE`, with NUL between two: no variable of a real environment has one. */
function variables(environment: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(environment).filter(
    ([, value]) => value !== undefined && !value.includes('\0'),
  )
  return given.map(([name, value]) => `${name}=${value}`).join('\0')
}

function unwrap<T>(result: T | TokenError): T {
  if (result instanceof TokenError) throw result
  return result
}

/** When to judge; `undefined` stands for the host's clock, whatever it says by then. */
function nowOf(options: Options | undefined): number | undefined {
  if (options === undefined || options === null) return undefined
  const unknown =
    typeof options === 'object' && !(options instanceof Date)
      ? Object.keys(options).find((name) => name !== 'now')
      : ''
  if (unknown !== undefined)
    throw new TypeError(`expected options with \`now\`${unknown && `, found \`${unknown}\``}`)
  const now = member(options, 'now')
  // RFC 7519 section 2: NumericDate. Up to the year 9999, which milliseconds are far beyond.
  if (now !== undefined && !(typeof now === 'number' && now >= 1 && now < 253_402_300_800))
    throw new TypeError('`now` is in seconds since 1970, as `Date.now() / 1000` gives them')
  return now
}
