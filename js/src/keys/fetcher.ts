import { seconds, type CoreVerifier } from '../wasm/core.js'
import { bare, member } from '../member.js'
import { runtimeOf, type Runtime, type SourceFault, type SourceState } from './remote.js'

interface Source {
  provider: string
  url: string
  accept: string
  timeout: number
  maxBytes: number
  identity: string
}
interface Outcome {
  changed?: boolean
  fault?: string
  text?: string
}

/** What `plan` of the core answers. */
const REFRESH = 1
const LOAD = 2
const JOIN = 3

/** How often to look whether another request's fetch has ended, where its promise cannot be awaited; milliseconds. */
const POLL = 20

/**
 * Carries bytes between servers and the core, which decides when, and what an answer is worth. By the host's clock,
 * whatever one caller says of the time: all callers share the keys.
 */
export class Fetcher {
  readonly #core: CoreVerifier
  readonly #sources: readonly Source[]
  readonly #runtimes: readonly Runtime[]
  readonly #restored = new Set<number>()
  readonly #pending = new Map<number, Promise<void>>()
  /** The last fault of each source that has not been fetched since. */
  readonly #faults = new Map<number, SourceFault>()
  #stopped = false

  readonly #log: (fault: SourceFault) => void

  /** `log` gets each fault, before whoever is told of those of a source. */
  constructor(
    core: CoreVerifier,
    keys: ReadonlyMap<string, object>,
    runtime: Runtime,
    log: (fault: SourceFault) => void,
  ) {
    this.#log = log
    this.#core = core
    this.#sources = core.source_count() === 0 ? [] : (JSON.parse(core.sources()) as Source[])
    this.#runtimes = this.#sources.map(({ provider }) => runtimeOf(keys.get(provider), runtime))
  }

  /** Whether there is nothing to fetch, ever. */
  get empty(): boolean {
    return this.#sources.length === 0
  }

  /**
   * Starts what is due and waits for what a verdict needs; fresh keys are enough unless `lacking` says that one was not
   * among them. True if it waited, so that a second look may help.
   */
  async prepare(lacking: boolean): Promise<boolean> {
    const waited = await Promise.all(this.#sources.map((_, index) => this.#prepare(index, lacking)))
    return waited.includes(true)
  }

  /** The same without waiting, for callers that cannot. */
  start(): void {
    this.#sources.forEach((_, index) => void this.#prepare(index, false))
  }

  /** Fetches all sources now, whatever their age. */
  async reload(): Promise<void> {
    if (this.#stopped) return
    await Promise.all(this.#sources.map((_, index) => this.#fetch(index)))
  }

  /** Fetches no more, and does nothing with what is on its way. */
  stop(): void {
    this.#stopped = true
  }

  /** Why keys are not there, if a fetch has said so. */
  get fault(): SourceFault | undefined {
    return this.#faults.values().next().value
  }

  states(): SourceState[] {
    return this.#sources.map((_, index) => this.#state(index))
  }

  #state(index: number): SourceState {
    return Object.freeze(JSON.parse(this.#core.state(index, seconds(), uptime())) as SourceState)
  }

  async #prepare(index: number, lacking: boolean): Promise<boolean> {
    if (this.#stopped) return false
    const plan = () => this.#core.plan(index, seconds(), uptime())
    const first = plan()
    if (first !== REFRESH && first !== LOAD && first !== JOIN) return false
    // Somebody else's unknown key is not worth waiting for, least of all if the fetch has been cut off.
    const waits = first !== REFRESH && (lacking || !this.#state(index).fresh)
    if (isolatesRequests()) {
      // A promise of another request never resolves here, and work without a waiting request is cut off.
      if (first !== JOIN || !this.#core.is_loaded(index)) await this.#load(index)
      else if (waits)
        for (
          let waited = 0;
          plan() === JOIN && waited < (this.#sources[index]?.timeout ?? 0);
          waited += POLL
        )
          await sleep(POLL)
      return waits
    }
    if (first !== JOIN && !this.#pending.has(index)) {
      this.#pending.set(
        index,
        this.#load(index).finally(() => this.#pending.delete(index)),
      )
    }
    if (!waits) return false
    await this.#pending.get(index)
    return true
  }

  async #load(index: number): Promise<void> {
    if (this.#stopped) return
    if (!this.#core.is_loaded(index) && !this.#restored.has(index)) {
      this.#restored.add(index)
      if (await this.#restore(index)) return
    }
    await this.#fetch(index)
  }

  /** True if what was kept is still fresh. */
  async #restore(index: number): Promise<boolean> {
    const store = this.#runtimes[index]?.store
    if (!store) return false
    try {
      const kept = await store.get(this.#key(index))
      if (typeof kept !== 'string' || this.#stopped) return false
      this.#report(
        index,
        JSON.parse(this.#core.restore(index, kept, seconds(), uptime(), jitter())) as Outcome,
      )
    } catch (cause) {
      // A store that fails is an empty one.
      this.#tell(index, 'store_failed', 'the store gives nothing', cause)
      return false
    }
    return !this.#stopped && this.#core.plan(index, seconds(), uptime()) < LOAD
  }

  async #fetch(index: number): Promise<void> {
    const source = this.#sources[index]
    const runtime = this.#runtimes[index]
    if (!source || !runtime || this.#stopped) return
    this.#core.begin(index, uptime())
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        abort.abort()
        reject(new Late())
      }, source.timeout)
    })
    let outcome: string
    let cause: unknown
    try {
      const { status, headers, body } = await Promise.race([
        get(source, runtime, abort.signal),
        late,
      ])
      if (this.#stopped) return
      const header = (name: string) => headers.get(name) ?? undefined
      outcome = this.#core.finish(
        index,
        status,
        header('content-type'),
        header('cache-control'),
        header('age'),
        body,
        seconds(),
        uptime(),
        jitter(),
      )
    } catch (error) {
      if (this.#stopped) return
      cause = error
      outcome = this.#core.fail(
        index,
        reasonOf(error, source.timeout),
        seconds(),
        uptime(),
        jitter(),
      )
    } finally {
      clearTimeout(timer)
    }
    if (this.#report(index, JSON.parse(outcome) as Outcome, cause)) await this.#keep(index)
  }

  async #keep(index: number): Promise<void> {
    const store = this.#runtimes[index]?.store
    const snapshot = store && !this.#stopped && this.#core.snapshot(index)
    if (!snapshot) return
    try {
      // A KV namespace has `put`.
      if ('put' in store) await store.put(this.#key(index), snapshot)
      else await store.set(this.#key(index), snapshot)
    } catch (cause) {
      // Nothing kept: the next start fetches.
      this.#tell(index, 'store_failed', 'the store takes nothing', cause)
    }
  }

  /** Reports a fault; true if there is none. */
  #report(index: number, outcome: Outcome, cause?: unknown): boolean {
    const fault = member(outcome, 'fault')
    if (fault === undefined) {
      this.#faults.delete(index)
      return true
    }
    const source = this.#sources[index]
    // What follows a `?` may be a secret.
    const said = this.#tell(
      index,
      fault,
      `${source?.url.replace(/\?.*/, '')}: ${outcome.text ?? fault}`,
      cause,
    )
    this.#faults.set(index, said)
    return false
  }

  #tell(index: number, code: string, message: string, cause: unknown): SourceFault {
    const fault: SourceFault = {
      provider: this.#sources[index]?.provider ?? '',
      code,
      message,
      ...(cause !== undefined && { cause }),
    }
    this.#log(fault)
    try {
      this.#runtimes[index]?.onFault?.(fault)
    } catch {
      // A listener's fault is not a reason to refuse tokens.
    }
    return fault
  }

  #key(index: number): string {
    return `datakit-token:${this.#sources[index]?.identity ?? ''}`
  }
}

/** The fetch has taken too long. */
class Late extends Error {}

/** Why there was no answer, as far as the runtime says so. */
function reasonOf(error: unknown, timeout: number): string {
  if (error instanceof Late) return `no answer in ${timeout / 1000} s`
  const { code } = (member(error as { cause?: unknown }, 'cause') ?? error) as { code?: unknown }
  const known: Record<string, string> = {
    ECONNREFUSED: 'the connection was refused',
    ECONNRESET: 'the connection was cut',
    ENOTFOUND: 'the host has no address',
    EAI_AGAIN: 'the host has no address yet',
    UND_ERR_SOCKET: 'the connection was cut',
    CERT_HAS_EXPIRED: 'its certificate has expired',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
    ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
  }
  if (typeof code === 'string') return bare(known)[code] ?? `no answer, ${code}`
  // Browsers say no more, so that pages do not learn what is around them.
  return member(globalThis as { document?: object }, 'document')
    ? 'no answer, or one without the CORS headers that a page needs'
    : 'no answer'
}

/** One GET without redirects, of which no more than the limit is read. */
async function get(source: Source, runtime: Runtime, signal: AbortSignal) {
  const init = bare<RequestInit>({
    headers: { accept: source.accept, ...runtime.headers },
    redirect: 'manual',
    signal,
  })
  // How long keys may be used is decided in one place; workerd does not know the option.
  if (!isolatesRequests()) init.cache = 'no-store'
  const response = await (runtime.fetch ?? fetch)(source.url, init)
  const parts: Uint8Array[] = []
  let size = 0
  const reader = response.status === 200 ? response.body?.getReader() : undefined
  while (reader && size <= source.maxBytes) {
    const { done, value } = await reader.read()
    if (done) break
    parts.push(value)
    size += value.byteLength
  }
  if (reader ? size > source.maxBytes : response.body) await (reader ?? response.body)?.cancel()
  const body = new Uint8Array(size)
  let place = 0
  for (const part of parts) {
    body.set(part, place)
    place += part.byteLength
  }
  return { status: response.status, headers: response.headers, body }
}

/** Cloudflare Workers: what one request awaits, another must not. */
function isolatesRequests(): boolean {
  return member(globalThis, 'navigator')?.userAgent === 'Cloudflare-Workers'
}

function uptime(): number {
  return performance.now()
}

function jitter(): number {
  return Math.floor(Math.random() * 256)
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
