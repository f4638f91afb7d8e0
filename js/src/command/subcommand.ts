// What a subcommand is.
import type { Flags, Given } from './arguments.js'

export interface Subcommand {
  readonly about: string
  readonly flags: Flags
  /** Does it, and gives the exit status: 0 done or allowed, 1 denied. */
  run(given: Given): number | Promise<number>
}
