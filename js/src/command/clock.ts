// The time at which to act.
import { MAX_TIME } from './check.js'
import { Failure } from './failure.js'

/** The time given, or that of the machine, in seconds since 1970. */
export function readNow(given: string | undefined): number {
  const now = given === undefined ? Math.floor(Date.now() / 1000) : Number(given)
  if (now >= 1 && now <= MAX_TIME) return now
  throw new Failure(`the time: expected seconds since 1970, from 1 to ${MAX_TIME}`)
}
