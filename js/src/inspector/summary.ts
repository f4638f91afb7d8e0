// What is said first, in a sentence or two.
import type { Inspection } from './inspection.js'

/** How it looks; the words say the same. */
export type Tone = 'idle' | 'good' | 'bad'

export interface Summary {
  readonly tone: Tone
  readonly text: string
}

const LABELS = {
  token: 'token',
  keys: 'key set',
  configuration: 'configuration',
  method: 'method',
  path: 'path',
  headers: 'headers',
  time: 'time',
} as const

/** Of everything. */
export function summarise(inspection: Inspection): Summary {
  if (inspection.problems.size > 0) {
    const fields = [...inspection.problems.keys()].map((name) => LABELS[name]).join(', ')
    return { tone: 'bad', text: `Nothing is judged: see what is said at the field ${fields}.` }
  }
  const token = ofToken(inspection)
  const request = ofRequest(inspection)
  if (request === undefined) return token
  if (!inspection.isTokenGiven) return request
  const tone = token.tone === 'bad' ? 'bad' : request.tone
  return { tone, text: `${token.text} ${request.text}` }
}

function ofToken({ token, error, header, isTokenGiven, areClaimsBelieved }: Inspection): Summary {
  if (error) {
    const claim = error.claim === undefined ? '' : ` (claim ${error.claim})`
    return { tone: 'bad', text: `Refused, ${error.code}: ${error.message}${claim}.` }
  }
  if (token && areClaimsBelieved)
    return {
      tone: 'good',
      text: 'The signature holds, by the key set alone; issuer and audience are not checked.',
    }
  if (token) return { tone: 'good', text: 'Verified: the token is accepted.' }
  if (header) return { tone: 'idle', text: 'Not verified: paste a key set or a configuration.' }
  if (isTokenGiven) return { tone: 'bad', text: 'This does not have the form of a signed token.' }
  return { tone: 'idle', text: 'Paste a token.' }
}

function ofRequest({ decision }: Inspection): Summary | undefined {
  if (decision === undefined) return undefined
  if (decision.verdict === 'allow') return { tone: 'good', text: 'The request is allowed.' }
  const text =
    decision.verdict === 'deny'
      ? `The request is denied: ${decision.reason}.`
      : `The request is only observed, and would be denied: ${decision.reason}.`
  return { tone: 'bad', text }
}
