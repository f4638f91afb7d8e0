// Times: as they are typed, and as they are shown.
import { isNumericDate } from './location.js'

/** The time of a claim, and how far away it is. */
export interface Moment {
  readonly title: string
  readonly utc: string
  readonly local: string
  readonly relation: string
}

const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?$/

/** Seconds since 1970 of a time that somebody has typed, or `undefined` if it is none. */
export function parseTime(text: string): number | undefined {
  const seconds = /^\d{1,12}(?:\.\d+)?$/.test(text)
    ? Number(text)
    : ISO.test(text)
      ? Date.parse(text.replace(' ', 'T')) / 1000
      : Number.NaN
  return seconds >= 1 && isNumericDate(seconds) ? seconds : undefined
}

/** What a token says about time. */
export function moments(claims: Readonly<Record<string, unknown>>, now: number): readonly Moment[] {
  const found = (
    [
      ['exp', 'End (exp)', (distance: number) => end(distance)],
      ['nbf', 'Start (nbf)', (distance: number) => past(distance, 'began', 'begins')],
      ['iat', 'Issued (iat)', (distance: number) => past(distance, 'issued', 'to be issued')],
    ] as const
  ).filter(([name]) => Object.hasOwn(claims, name))
  const rows = found.map(([name, title, relate]) => {
    const value = claims[name]
    if (!isNumericDate(value))
      return { title, utc: '', local: '', relation: 'not a time: expected seconds since 1970' }
    return { title, ...written(value), relation: relate(value - now) }
  })
  return [{ title: 'Judged at', ...written(now), relation: '' }, ...rows]
}

const end = (distance: number) =>
  distance > 0 ? `${duration(distance)} left` : `expired since ${duration(-distance)}`

const past = (distance: number, was: string, willBe: string) =>
  distance > 0 ? `${willBe} in ${duration(distance)}` : `${was} ${duration(-distance)} ago`

/** The same second in Coordinated Universal Time and by the clock of whoever looks at it. */
function written(seconds: number): { utc: string; local: string } {
  const date = new Date(seconds * 1000)
  const minutes = -date.getTimezoneOffset()
  const shifted = new Date(date.getTime() + minutes * 60_000)
  const sign = minutes < 0 ? '-' : '+'
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60]
  return {
    utc: `${plain(date)} UTC`,
    local: `${plain(shifted)} UTC${sign}${padded(hours)}:${padded(rest)}`,
  }
}

const plain = (date: Date) => date.toISOString().slice(0, 19).replace('T', ' ')
const padded = (number: number) => String(number).padStart(2, '0')

/** The two largest units. */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds)
  const units = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ] as const
  const first = units.findIndex(([count]) => count > 0)
  if (first < 0) return '0 s'
  return units
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}
