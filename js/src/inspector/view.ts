// Shows what was found.
import type { DenialResponse, RuleReference, Upstream } from '../decision.js'
import { find, make, row, say, showJson } from './element.js'
import type { FieldName } from './field.js'
import type { Inspection } from './inspection.js'
import { summarise } from './summary.js'
import type { Judged } from './verdict.js'

/** Fields that can be wrong. */
const FIELDS = ['keys', 'configuration', 'path', 'headers', 'time'] as const satisfies FieldName[]

export function show(inspection: Inspection): void {
  const { tone, text } = summarise(inspection)
  const status = find('status', HTMLElement)
  status.dataset.tone = tone
  say(status, text)
  showProblems(inspection)
  const notes = inspection.notes.map((note) => make('li', note))
  fill('notes', 'notes-list', notes)
  showContents(inspection)
  const moments = inspection.moments.map(({ title, utc, local, relation }) =>
    row(title, make('td', [make('div', utc), make('div', local, 'quiet')]), make('td', relation)),
  )
  fill('times', 'times-rows', moments)
  const asked = inspection.checks.some(({ verdict }) => verdict !== 'not asked')
  const checks = inspection.checks.map((check) => checkRow(check, inspection))
  fill('checks', 'checks-rows', asked ? checks : [])
  showGrants(inspection)
  showDecision(inspection)
}

/** Fills an element, and shows the section that it is in only if there is something. */
function fill(section: string, name: string, content: readonly Node[]): void {
  find(name, HTMLElement).replaceChildren(...content)
  find(section, HTMLElement).hidden = content.length === 0
}

function showProblems({ problems }: Inspection): void {
  for (const name of FIELDS) {
    const problem = problems.get(name)
    say(find(`${name}-problem`, HTMLElement), problem ?? '')
    const field = find(name, HTMLElement)
    if (problem === undefined) field.removeAttribute('aria-invalid')
    else field.setAttribute('aria-invalid', 'true')
  }
}

function showContents({ header, claims, token, areClaimsBelieved }: Inspection): void {
  const label = token ? (areClaimsBelieved ? 'signature verified' : 'verified') : 'not verified'
  for (const [name, value] of [
    ['header', header],
    ['claims', claims],
  ] as const) {
    find(name, HTMLElement).hidden = value === undefined
    const mark = find(`${name}-label`, HTMLElement)
    mark.dataset.tone = token ? 'good' : 'warning'
    say(mark, label)
    showJson(find(`${name}-text`, HTMLElement), value ?? {})
  }
}

function checkRow({ name, title, verdict }: Judged, { error, decision }: Inspection): HTMLElement {
  const parts = [make('div', title)]
  if (verdict === 'failed') {
    const refused = decision && decision.verdict !== 'allow' ? decision : undefined
    const isOfRequest = ['transport', 'request', 'rule', 'matching', 'permission'].includes(name)
    const why = isOfRequest
      ? refused && `${refused.reason}: ${refused.message}`
      : error && `${error.code}: ${error.message}`
    parts.push(make('div', why ?? '', 'reason'))
  }
  const cell = make('td', verdict, 'verdict')
  cell.dataset.verdict = verdict
  return row(parts, cell)
}

function showGrants({ token }: Inspection): void {
  find('grants', HTMLElement).hidden = token === undefined
  const list = (values: readonly string[]) =>
    values.length === 0 ? [make('li', 'none', 'quiet')] : values.map((value) => make('li', value))
  find('roles', HTMLElement).replaceChildren(...list(token?.roles ?? []))
  find('permissions', HTMLElement).replaceChildren(...list(token?.permissions ?? []))
}

/** Where a rule stands, and what it is called. */
function ruleText(rule: RuleReference | undefined): string {
  if (rule === undefined) return 'none is for this request'
  const place = rule.pointer ?? 'of a preset'
  return rule.name === undefined ? place : `${place} (${rule.name})`
}

function showDecision({ decision, rule }: Inspection): void {
  find('decision', HTMLElement).hidden = decision === undefined
  if (decision === undefined) return
  const facts: [string, string][] = [['Verdict', decision.verdict]]
  let content: HTMLElement[] = []
  if (decision.verdict === 'allow') content = upstreamOf(decision.upstream)
  else {
    facts.push(['Reason', decision.reason], ['Message', decision.message])
    if (decision.claim !== undefined) facts.push(['Claim', decision.claim])
    content = responseOf(decision.response)
    if (decision.verdict === 'observe') content.push(...upstreamOf(decision.upstream))
  }
  facts.push(['Rule', ruleText(rule)])
  const words = facts.flatMap(([term, value]) => [make('dt', term), make('dd', value)])
  find('decision-facts', HTMLElement).replaceChildren(...words)
  find('decision-content', HTMLElement).replaceChildren(...content)
}

function upstreamOf({ path, headers }: Upstream): HTMLElement[] {
  return [
    make('h4', 'What goes on to the upstream'),
    make('p', path, 'code'),
    headerTable('Headers of the upstream request', headers),
  ]
}

function responseOf({ status, headers, body }: DenialResponse): HTMLElement[] {
  const parts = [
    make('h4', 'The answer to the client'),
    make('p', `Status ${status}`),
    headerTable('Headers of the answer', headers),
  ]
  return body === '' ? parts : [...parts, make('pre', body)]
}

function headerTable(title: string, headers: readonly (readonly [string, string])[]): HTMLElement {
  if (headers.length === 0) return make('p', 'No headers.', 'quiet')
  const heads = ['Name', 'Value'].map((name) => {
    const head = make('th', name)
    head.setAttribute('scope', 'col')
    return head
  })
  const rows = headers.map(([name, value]) => row(name, make('td', [make('bdi', value)])))
  return make('table', [
    make('caption', title),
    make('thead', [make('tr', heads)]),
    make('tbody', rows),
  ])
}
