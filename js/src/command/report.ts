// A verdict as one line of JSON, the text of `crates/token/src/verifier/report.rs`.
import type { Outcome } from './core_verifier.js'
import { readJson, STRICT } from './json.js'
import { writeCompact } from './json_text.js'

/** The line. Members without a value are not in it. */
export function report(outcome: Outcome): string {
  const { verdict, upstream } = outcome
  const end = upstream === undefined ? '}' : `,"upstream":${JSON.stringify(upstream)}}`
  if (verdict === 'allow') {
    const claims = outcome.claims === undefined ? 'null' : compact(outcome.claims)
    return `{"verdict":"allow","reason":"ok","status":200,"claims":${claims}${end}`
  }
  const { reason, claim, status } = outcome
  return `${JSON.stringify({ verdict, reason, claim, status }).slice(0, -1)}${end}`
}

/** Numbers as they were written, and no white space. */
const compact = (claims: string) => writeCompact(readJson(Buffer.from(claims), STRICT))
