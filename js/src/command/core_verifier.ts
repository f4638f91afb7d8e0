// The core with the configuration in a file. Not `createVerifier`: the text of the configuration and of the claims goes
// through as it is, with every member and digit; and nothing is fetched.
import { readFileSync } from 'node:fs'
import type { Reason } from '../error.js'
import { member } from '../member.js'
import { messageOf, parse, type Denied, type Passed } from '../verdict.js'
import { instantiate, output, TokenInput, type CoreVerifier } from '../wasm/core.js'
import { failureAt } from './failure.js'
import { read } from './files.js'
import { decode } from './text.js'
import { say } from './terminal.js'

/** A verdict, and the claims of a token that is good; none where the rules ask for no token. */
export type Outcome =
  | { readonly verdict: 'allow'; readonly claims: string | undefined; readonly upstream?: unknown }
  | {
      readonly verdict: 'deny' | 'observe'
      readonly reason: Reason
      readonly claim: string | undefined
      readonly status: number
      readonly message: string
      readonly upstream?: unknown
    }

/** A configuration that says nothing about answers. */
const PLAIN =
  '{"version":1,"providers":[{"name":"p","issuer":"i","audiences":["a"],' +
  '"keys":{"remote":{"url":"https://localhost/"}}}]}'

export class Verifier {
  readonly #core: CoreVerifier

  private constructor(core: CoreVerifier) {
    this.#core = core
  }

  /** Compiles the configuration in a file; what is hardly meant goes to standard error. */
  static read(file: string): Verifier {
    const text = decode(read(file))
    const at = (pointer: string, problem: string) => `${pointer || 'the document'}: ${problem}`
    if (text === undefined)
      throw failureAt(
        file,
        at('', 'expected strict JSON: UTF-8, no member twice, at most 32 levels deep'),
      )
    let core: CoreVerifier
    try {
      core = compile(text, variables())
    } catch (error) {
      const { pointer, problem } = error as { pointer?: string; problem?: string }
      if (pointer === undefined || problem === undefined) throw error
      throw failureAt(file, at(pointer, problem))
    }
    const { warnings } = JSON.parse(core.warnings()) as { warnings: [string, string][] }
    for (const [pointer, problem] of warnings) say(`warning: ${file}: ${at(pointer, problem)}`)
    return new Verifier(core)
  }

  /** Judges a bare token. */
  token(token: Buffer, now: number): Outcome {
    // What is no UTF-8 is no token, of whatever kind; NUL is in none either, and the length stays.
    const text = decode(token) ?? token.toString('latin1').replace(/[\x80-\xff]/g, '\0')
    this.#core.verify(new TokenInput(this.#core).write(text), now)
    const verdict = parse(output(this.#core, this.#core.verdict()))
    if (verdict.verdict === 'allow') return { verdict: 'allow', claims: verdict.claims }
    // A verdict on a token has the status of its reason, whatever the answer to a request would have.
    return { ...refused(verdict), status: statusOf(verdict.reason) }
  }

  /** Decides about a request, as the text of a request file. */
  request(request: string, now: number): Outcome {
    const verdict = JSON.parse(output(this.#core, this.#core.decide(request, now))) as
      | Passed
      | Denied
    if (verdict.verdict !== 'allow') return refused(verdict)
    const { upstream } = verdict
    if (member(verdict, 'serial') === undefined)
      return { verdict: 'allow', claims: undefined, upstream }
    const token = parse(output(this.#core, this.#core.verdict()))
    return {
      verdict: 'allow',
      claims: token.verdict === 'allow' ? token.claims : undefined,
      upstream,
    }
  }
}

const refused = (denied: Denied) => ({
  verdict: denied.verdict,
  reason: denied.reason,
  claim: member(denied, 'claim'),
  status: denied.status,
  message: messageOf(denied),
  upstream: member(denied, 'upstream'),
})

function compile(config: string, environment: string): CoreVerifier {
  const file = new URL('./sealed/core.wasm', import.meta.url)
  const Core = instantiate(() => new WebAssembly.Module(readFileSync(file)))
  return new Core(config, environment)
}

function statusOf(reason: Reason): number {
  const core = compile(PLAIN, '')
  return (JSON.parse(output(core, core.refuse(reason))) as Denied).status
}

/** `NAME=VALUE`, with NUL between two. */
const variables = () =>
  Object.entries(process.env)
    .map(([name, value]) => `${name}=${value}`)
    .join('\0')
